// The network as a drawing: sign as colour, shape and dash, size as width; and the numbers in a few characters.
const POSITIVE = [179, 88, 6],
  NEGATIVE = [84, 39, 136],
  ZERO = [247, 247, 247];
const MOST = 8,
  MOST_OUTPUTS = 10;

/** Part of the way from white to the end of a scale. */
const strength = (v, largest) => (largest > 0 && Number.isFinite(v) ? Math.min(1, Math.abs(v) / largest) ** 0.6 : 0);

/** Red, green and blue of a number on a scale that is white at 0. */
export function colourOf(v, largest) {
  const t = strength(v, largest),
    end = v > 0 ? POSITIVE : NEGATIVE;
  return ZERO.map((z, i) => Math.round(z + t * (end[i] - z)));
}

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

/** A number in at most seven characters. */
export function brief(v) {
  if (!Number.isFinite(v)) return String(v).replace("Infinity", "∞");
  const size = Math.abs(v);
  const text = size >= 0.001 && size < 100 ? v.toFixed(3) : v ? v.toExponential(1).replace("e+", "e") : "0";
  return text.replace("-", "−");
}

/** A number for reading: five digits, or all. */
export function shown(v, exact) {
  if (!Number.isFinite(v)) return String(v).replace("Infinity", "∞");
  const text = exact || Number.isInteger(v) ? String(v) : String(Number(v.toPrecision(5)));
  return text.replace(/e([+-])(\d+)$/, (_, sign, n) => ` · 10^${sign === "-" ? "-" : ""}${n}`).replaceAll("-", "−");
}

/** Neurons of a layer that are drawn: all, or the first ones, the one wanted, and the last. */
export function drawnOf(size, wanted, most) {
  if (size <= most) return [...Array(size).keys()];
  const kept = new Set(
    [...Array(most - 1).keys()].filter(i => i !== wanted).slice(0, wanted < 0 ? most - 1 : most - 2),
  );
  if (wanted >= 0) kept.add(wanted);
  kept.add(size - 1);
  return [...kept].sort((a, b) => a - b);
}

const NS = "http://www.w3.org/2000/svg";
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(NS, name);
  for (const [key, v] of Object.entries(attributes)) if (v !== undefined) element.setAttribute(key, v);
  element.append(...children);
  return element;
}

/**
 * Draw a network into `place`. `look` says what each neuron carries: (l, j) -> {v, name, spoken} or null where nothing is
 * computed; what lines carry: (l, k, j) -> number; which of them are terms of the sum at work, or flow back.
 */
export function drawNetwork(
  place,
  { sizes, activations, chosen, layer, look, line, isTerm, flows, labels, captions, choose },
) {
  const width = Math.max(300, place.clientWidth),
    L = sizes.length - 1;
  const picks = sizes.map((size, l) => drawnOf(size, chosen[0] === l ? chosen[1] : -1, l === L ? MOST_OUTPUTS : MOST));
  const rows = picks.map((column, l) => column.length + Number(column.length < sizes[l]));
  const most = Math.max(...rows),
    column = width / (L + 1);
  const R = Math.min(24, column * 0.3, (430 / most - 8) / 2),
    row = Math.max(2 * R + 9, Math.min(62, 420 / most)),
    top = 44;
  const height = top + most * row + 8;
  const points = picks.map(
    (js, l) =>
      new Map(
        js.map((j, i) => {
          const gap = Number(rows[l] > js.length && i === js.length - 1);
          return [j, [column * (l + 0.5), top + ((most - rows[l]) * row) / 2 + (i + gap + 0.5) * row]];
        }),
      ),
  );
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "group",
    "aria-label": "Neurons, layer by layer",
  });
  const wires = svg("g"),
    terms = svg("g"),
    texts = svg("g"),
    nodes = svg("g");
  drawing.append(wires, terms, texts, nodes);
  for (let l = 1; l <= L; l++) {
    const all = [];
    for (const [j, to] of points[l])
      for (const [k, from] of points[l - 1]) all.push({ l, k, j, from, to, v: line(l, k, j) });
    const largest = Math.max(...all.map(({ v }) => (Number.isFinite(v) ? Math.abs(v) : 0)), 1e-300);
    for (const {
      k,
      j,
      from: [x1, y1],
      to: [x2, y2],
      v,
    } of all) {
      const term = isTerm(l, k, j),
        size = strength(v, largest);
      const sign = v < 0 ? "minus" : v > 0 ? "plus" : "";
      const wire = svg("line", {
        x1,
        y1,
        x2,
        y2,
        class: term ? `term ${sign}` : `wire ${sign}`,
        "stroke-width": ((term ? 1.5 : 0.7) + (term ? 5.5 : 2.5) * size).toFixed(2),
      });
      wire.append(svg("title"));
      wire.firstChild.textContent = `${term ? "term" : "weight"} from ${k} to ${j} of layer ${l}: ${v}`;
      (term ? terms : wires).append(wire);
      if (term && flows(l) && size > 0.15) terms.append(svg("line", { x1: x2, y1: y2, x2: x1, y2: y1, class: "flow" }));
      if (column - 2 * R > 110 && Math.max(picks[l].length, picks[l - 1].length) <= 3) {
        const part = (R + 26) / Math.hypot(x2 - x1, y2 - y1);
        const text = svg("text", {
          x: x1 + part * (x2 - x1),
          y: y1 + part * (y2 - y1) + 3,
          class: "weight",
          "text-anchor": "middle",
        });
        text.textContent = brief(labels(l, k, j));
        texts.append(text);
      }
    }
  }
  for (let l = 0; l <= L; l++) {
    const x = column * (l + 0.5),
      caption = captions(l);
    caption.forEach((words, i) => {
      const text = svg("text", {
        x,
        y: 15 + 15 * i,
        class: i ? "faint" : l === layer ? "caption now" : "caption",
        "text-anchor": "middle",
      });
      text.textContent = words;
      drawing.append(text);
    });
    const values = picks[l].map(j => look(l, j)),
      largest = Math.max(...values.map(one => (one && Number.isFinite(one.v) ? Math.abs(one.v) : 0)));
    picks[l].forEach((j, i) => {
      const [cx, cy] = points[l].get(j),
        one = values[i],
        isChosen = chosen[0] === l && chosen[1] === j;
      const node = svg("g", {
        class: l === layer ? "node now" : "node",
        role: "button",
        tabindex: isChosen ? "0" : "-1",
        "data-l": l,
        "data-j": j,
        "aria-pressed": isChosen,
      });
      const fill = one ? css(colourOf(one.v, largest)) : "transparent";
      const body =
        one && one.v < 0
          ? svg("rect", { x: cx - R * 0.88, y: cy - R * 0.88, width: 1.76 * R, height: 1.76 * R, class: "body" })
          : svg("circle", { cx, cy, r: R, class: "body" });
      body.style.fill = fill;
      if (!one) body.style.strokeDasharray = "2 3";
      const text = svg("text", { x: cx, y: cy + 4, "text-anchor": "middle" });
      text.textContent = one ? brief(one.v) : "";
      text.style.fill = one && strength(one.v, largest) > 0.55 ? "#fff" : "#1b1b1b";
      if (R < 20) text.style.fontSize = `${Math.max(8, R * 0.47)}px`;
      const index = svg("text", { x: cx - R - 3, y: cy - R + 7, "text-anchor": "end", class: "faint index" });
      index.textContent = j;
      const title = svg("title");
      title.textContent = one ? `${one.name} = ${one.v}` : "not computed yet";
      node.append(title, svg("circle", { cx, cy, r: R + 6, class: "halo" }), body, text, index);
      node.setAttribute(
        "aria-label",
        `neuron ${j} of layer ${l}: ${one ? `${one.spoken} = ${one.v}` : "not computed yet"}`,
      );
      node.dataset.value = one ? String(one.v) : "";
      node.addEventListener("click", () => choose(l, j));
      node.addEventListener("keydown", event => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        choose(l, j);
      });
      nodes.append(node);
    });
    if (picks[l].length < sizes[l]) {
      const [, y] = points[l].get(picks[l].at(-1));
      const text = svg("text", { x, y: y - row + 4, class: "faint", "text-anchor": "middle" });
      text.textContent = `${sizes[l] - picks[l].length} more`;
      drawing.append(text);
    }
  }
  const focused = document.activeElement?.closest?.(".node") && place.contains(document.activeElement);
  place.replaceChildren(drawing);
  if (focused) place.querySelector('.node[aria-pressed="true"]')?.focus();
}
