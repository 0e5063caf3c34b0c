// The curve of the cost, the decision surface, and what each neuron makes of the inputs.
import { Pass } from "./network.js";
import { brief, colourOf, css, svg } from "./drawing.js";

/** The cost by updates: `points` of [t, C], `marks` where something was changed. */
export function drawCurve(place, points, marks) {
  const width = 340,
    height = 150,
    left = 48,
    bottom = 22,
    right = 8,
    top = 8;
  const kept = points.filter(([, C]) => Number.isFinite(C));
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  const title = svg("title"),
    last = kept.at(-1);
  drawing.append(title);
  title.textContent = last
    ? `The cost is ${last[1]} after ${last[0]} updates; it was ${kept[0][1]} at first.`
    : "No cost yet.";
  if (last) {
    const t0 = kept[0][0],
      t1 = Math.max(last[0], t0 + 1),
      without = kept.filter(point => Number.isFinite(point[2])),
      high = Math.max(...kept.map(([, C]) => C), ...without.map(point => point[2]), 1e-12);
    const low = Math.min(0, ...kept.map(([, C]) => C));
    const x = t => left + ((width - left - right) * (t - t0)) / (t1 - t0),
      y = C => top + ((height - top - bottom) * (high - C)) / (high - low);
    const every = Math.max(1, Math.floor(kept.length / 400));
    const path = kept.filter((_, i) => i % every === 0 || i === kept.length - 1);
    const line = (of, i, name) => {
      const points = of.map(point => `${x(point[0]).toFixed(1)},${y(point[i]).toFixed(1)}`).join(" ");
      drawing.append(svg("polyline", { class: name, points }));
    };
    for (const C of [low, (low + high) / 2, high]) {
      const text = svg("text", { x: left - 6, y: y(C) + 4, class: "faint", "text-anchor": "end" });
      text.textContent = brief(C);
      drawing.append(svg("line", { x1: left, x2: width - right, y1: y(C), y2: y(C), class: "axis" }), text);
    }
    for (const t of [t0, t1]) {
      const text = svg("text", { x: x(t), y: height - 6, class: "faint", "text-anchor": t === t0 ? "start" : "end" });
      text.textContent = t === t1 ? `update ${t}` : t;
      drawing.append(text);
    }
    for (const t of marks)
      if (t > t0) drawing.append(svg("line", { x1: x(t), x2: x(t), y1: top, y2: height - bottom, class: "mark" }));
    line(
      path.filter(point => without.includes(point)),
      2,
      "curve right",
    );
    line(path, 1, "curve");
    if (without.length) title.textContent += ` Without the mistake it is ${without.at(-1)[2]}.`;
    drawing.append(svg("circle", { cx: x(last[0]), cy: y(last[1]), r: 3.5, fill: "var(--plus)" }));
  }
  place.replaceChildren(drawing);
}

function size(canvas, width, height) {
  const scale = Math.min(2, globalThis.devicePixelRatio || 1);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return context;
}

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Where the values of an activation lie: the middle of the colours, and how far they go. */
function scaleOf(values) {
  let low = Infinity,
    high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return low >= 0 && high <= 1 ? [0.5, 0.5] : [0, Math.max(Math.abs(low), Math.abs(high), 1e-12)];
}

/** a_j of all neurons over a square of the plane, or along a line: grids[l][j]. */
export function over(net, rules, range, n) {
  const pass = new Pass(net, rules),
    [low, high] = range,
    plane = net.sizes[0] === 2;
  const at = i => low + ((high - low) * i) / (n - 1),
    y = new Float64Array(net.sizes.at(-1));
  const grids = net.sizes.map(J => Array.from({ length: J }, () => new Float64Array(plane ? n * n : n)));
  for (let i = 0; i < (plane ? n * n : n); i++) {
    pass.forward(plane ? [at(i % n), -at(Math.floor(i / n)) + low + high] : [at(i)], y);
    grids.forEach((layer, l) =>
      layer.forEach((grid, j) => {
        grid[i] = pass.a[l][j];
      }),
    );
  }
  return grids;
}

/** An n x n grid as an image. */
function image(values, n, [middle, spread] = scaleOf(values)) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = n;
  const context = canvas.getContext("2d"),
    data = context.createImageData(n, n);
  values.forEach((v, i) => {
    const [r, g, b] = colourOf(v - middle, spread);
    data.data.set([r, g, b, 255], 4 * i);
  });
  context.putImageData(data, 0, 0);
  return canvas;
}

/** The decision surface of output j with the samples on it. */
export function drawPlane(canvas, grid, n, range, samples, current, j) {
  const width = canvas.clientWidth || 300,
    context = size(canvas, width, width),
    [low, high] = range;
  canvas.style.height = `${width}px`;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(image(grid, n), 0, 0, width, width);
  const place = ([x, y]) => [((x - low) / (high - low)) * width, ((high - y) / (high - low)) * width];
  const radius = samples.X.length > 20 ? 3.4 : 7;
  samples.X.forEach((x, i) => {
    const [px, py] = place(x),
      positive = samples.Y[i][j] > 0.5,
      here = i === current;
    context.beginPath();
    if (positive) context.arc(px, py, radius, 0, 2 * Math.PI);
    else context.rect(px - radius * 0.85, py - radius * 0.85, radius * 1.7, radius * 1.7);
    context.fillStyle = positive ? "#b35806" : "#542788";
    context.fill();
    context.lineWidth = here ? 3 : 1.4;
    context.strokeStyle = here ? "#000" : "#fff";
    context.stroke();
  });
}

/** Outputs along x, with the samples. */
export function drawLine(canvas, grids, range, samples, current) {
  const width = canvas.clientWidth || 300,
    height = Math.round(width * 0.7),
    context = size(canvas, width, height);
  canvas.style.height = `${height}px`;
  const output = grids.at(-1)[0],
    all = [...output, ...samples.Y.map(y => y[0])].filter(Number.isFinite);
  const low = Math.min(...all) - 0.1,
    high = Math.max(...all) + 0.1;
  const px = x => ((x - range[0]) / (range[1] - range[0])) * width,
    py = y => ((high - y) / (high - low)) * height;
  context.strokeStyle = colour("--rule");
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  samples.X.forEach(([x], i) => {
    context.beginPath();
    context.arc(px(x), py(samples.Y[i][0]), i === current ? 5.5 : 3.2, 0, 2 * Math.PI);
    context.fillStyle = i === current ? colour("--ink") : colour("--minus");
    context.fill();
  });
  context.beginPath();
  output.forEach((v, i) => context.lineTo((i / (output.length - 1)) * width, py(v)));
  context.strokeStyle = colour("--plus");
  context.lineWidth = 2.5;
  context.stroke();
}

/** A sample of pixels, dark on light. */
export function drawPixels(canvas, x, side) {
  const width = Math.min(canvas.clientWidth || 200, 200);
  canvas.style.height = `${width}px`;
  canvas.style.width = `${width}px`;
  const context = size(canvas, width, width);
  context.imageSmoothingEnabled = false;
  const largest = Math.max(...x, 1e-12);
  for (let i = 0; i < side * side; i++) {
    const grey = Math.round(250 - (230 * Math.max(0, x[i])) / largest);
    context.fillStyle = css([grey, grey, grey]);
    context.fillRect(
      ((i % side) * width) / side,
      (Math.floor(i / side) * width) / side,
      width / side + 0.5,
      width / side + 0.5,
    );
  }
}

/** A small picture of one neuron: its activation over the plane or along the line, or its weights on the pixels. */
export function drawSmall(canvas, values, kind) {
  const width = 46;
  canvas.style.width = canvas.style.height = `${width}px`;
  const context = size(canvas, width, width);
  if (kind === "curve") {
    const [middle, spread] = scaleOf(values);
    context.beginPath();
    values.forEach((v, i) =>
      context.lineTo((i / (values.length - 1)) * width, width / 2 - ((v - middle) / spread) * width * 0.45),
    );
    context.strokeStyle = colour("--plus");
    context.lineWidth = 2;
    context.stroke();
    return;
  }
  const n = Math.round(Math.sqrt(values.length));
  context.imageSmoothingEnabled = kind === "plane";
  context.drawImage(
    image(values, n, kind === "plane" ? undefined : [0, Math.max(...values.map(Math.abs), 1e-12)]),
    0,
    0,
    width,
    width,
  );
}
