// The page: one state, what follows from it, and what the reader does to it.
import { COSTS } from "./functions.js";
import { DATA } from "./data.js";
import { Pass, rightRules } from "./network.js";
import { Run, totalCost } from "./run.js";
import { NAMES, blamed, changed, lacks, rulesOf } from "./mistakes.js";
import { decode, encode, initial, networkOf, orderOf, packed, samplesOf } from "./state.js";
import { bookCode, fastbpCode, latexCode } from "./code.js";
import { drawNetwork, shown } from "./drawing.js";
import { drawCurve, drawLine, drawPixels, drawPlane, drawSmall, over } from "./plots.js";
import { LABELS, panelOf } from "./equations.js";
import { gradientOf, layersOf, nudged } from "./checking.js";
import { make, renderSetup } from "./controls.js";

const get = id => document.getElementById(id);
const given = JSON.parse(get("given").textContent);
const app = { given, exact: false, playing: null, points: [], marks: [], offset: 0, touched: false };

// What follows from the state

function rebuild() {
  const { state } = app;
  app.net = networkOf(state, given.net);
  Object.assign(app, samplesOf(state, given.net));
  app.order = orderOf(state, app.X.length);
  const made = state.bug && lacks(app.net, state.batch, state.eta, state.bug) === null ? state.bug : null;
  app.rules = rulesOf(app.net, made);
  app.bug = made;
  app.run = new Run(app.net, { X: app.X, Y: app.Y, order: app.order, batch: state.batch, eta: state.eta, rules: app.rules });
  state.l = Math.min(state.l, app.run.L);
  state.j = Math.min(state.j, state.sizes[state.l] - 1);
  const { t, at } = state;
  app.run.goTo(Math.min(t, 0), 0);
  if (!app.points.length) note();
  if (t || at) replay(t, at);
}

/** Go to a step of the training, a slice at a time, so that the page answers meanwhile. */
function replay(t, at) {
  const { run } = app, end = performance.now() + 60;
  if (t < run.t || (t === run.t && at < run.at)) run.restart();
  while (run.t < t && performance.now() < end) {
    run.minibatch();
    note(run.t % Math.max(1, Math.floor(t / 200)) === 0 || run.t === t);
  }
  if (run.t < t) {
    setTimeout(() => {
      if (app.run === run) replay(t, at);
      render();
    }, 0);
    return;
  }
  run.goTo(t, at);
  moved();
}

/** A point of the curve: C over the samples of an epoch, or where these are many the mean of the minibatch. */
function note(wanted = true) {
  const { run, net, X, Y, order } = app;
  if (!wanted) return;
  const parameters = net.sizes.slice(1).reduce((total, J, i) => total + J * (net.sizes[i] + 1), 0);
  const C = order.length * parameters <= 2e6 || run.t === 0 ? totalCost(run.net, rightRules(net), order.map(x => X[x]), order.map(x => Y[x])) : run.C;
  app.points.push([app.offset + run.t, C]);
  if (app.points.length > 4000) app.points = app.points.filter((_, i) => i % 2 === 0);
}

/** The state says where the training stands. */
function moved() {
  const { run, state } = app, { last } = run;
  Object.assign(state, { t: run.t, at: run.at });
  if (!last) return;
  state.look = run.sample.index;
  Object.assign(state, { equation: last.equation, l: last.l });
  state.j = Math.min(state.j, state.sizes[state.l] - 1);
}

/** What is seen: the sample at work, or between minibatches a sample chosen, with everything computed. */
function view() {
  const { run, state, X, Y, net, rules } = app;
  if (run.at) {
    const steps = run.steps.slice(0, run.at), i = run.last.i;
    const done = new Set(steps.filter(step => step.i === i || step.equation === "U").map(step => `${step.equation}${step.l}`));
    const sample = run.sample;
    return { pass: run.pass, x: sample.index, y: sample.y, input: sample.x, known: (label, l) => done.has(`${label}${l}`), given: l => run.sums.returned(l), before: run.before ?? run.net };
  }
  const pass = new Pass(run.net, rules, state.eta), x = state.look;
  pass.batch = run.samples;
  pass.forward(X[x], Y[x]);
  pass.cost();
  pass.backward();
  const kernel = !app.touched && given.net?.kernel?.[x];
  if (kernel) {
    for (const name of ["z", "a", "delta", "g_b"]) for (let l = 1; l <= run.L; l++) pass[name][l].set(kernel[name][l - 1]);
    for (let l = 1; l <= run.L; l++) kernel.g_w[l - 1].forEach((row, j) => pass.g_w[l][j].set(row));
    pass.C = kernel.C;
  }
  let mean;
  return { pass, x, y: Y[x], input: X[x], kernel: Boolean(kernel), known: () => true, given: l => (mean ??= gradientOf(run.net, rules, run.samples, state.eta))[l], before: run.net };
}

// What the reader does

/** Later changes start from the weights of now: what was done before is no part of the copied program. */
function fromHere() {
  const { run, state } = app;
  app.touched = true;
  if (run.t === 0 && run.last?.equation !== "U") return;
  app.offset += run.t;
  app.marks.push(app.offset);
  const at = run.last?.equation === "U" ? 0 : run.at;
  Object.assign(state, { base: "full", full: packed(run.net), w: {}, b: {}, t: 0, at });
}

const act = {
  edit(change) {
    pause();
    fromHere();
    change(app.state);
    rebuild();
    note();
    later();
  },
  number(name, key, v) {
    act.edit(state => Object.assign(state[name], { [key]: v }));
  },
  draw(changes) {
    pause();
    Object.assign(app.state, { base: "drawn", full: "", w: {}, b: {}, t: 0, at: 0 }, changes);
    beginAgain();
  },
  reset(state) {
    pause();
    app.state = state;
    beginAgain();
  },
  look(x) {
    pause();
    if (app.run.at) app.run.goTo(app.run.t, 0);
    Object.assign(app.state, { look: x, at: 0 });
    render();
  },
};

function beginAgain() {
  Object.assign(app, { points: [], marks: [], offset: 0, touched: app.touched || app.state.data !== "given" });
  rebuild();
  later();
}

/** After the event, when the focus has gone where it goes. */
const later = () => setTimeout(render, 0);

function stepBy(how) {
  const { run } = app, t = run.t;
  app.touched = true;
  if (run.next.equation === "U" && run.next.l === 1) keepBefore();
  const last = how(run);
  if (run.t !== t) note();
  moved();
  if (run.at === 0 && last) Object.assign(app.state, { equation: last.equation, l: last.l, j: Math.min(app.state.j, app.state.sizes[last.l] - 1) });
  if (!run.isFinite) pause();
  return last;
}

/** The weights as U finds them: its panel shows both. */
function keepBefore() {
  const { run } = app;
  run.before = { w: run.net.w.map(rows => rows?.map(row => row.slice())), b: run.net.b.map(row => row?.slice()) };
}

const group = equation => ({ F1: "forward", F2: "forward", BP3: "gradients", BP4: "gradients" })[equation] ?? equation;
const moves = {
  equation: () => stepBy(run => run.step()),
  layer: () => stepBy(run => run.until((done, next) => next.l !== done.l || group(next.equation) !== group(done.equation))),
  sample: () => stepBy(run => run.until((done, next) => next.i !== done.i || next.equation === "U")),
  minibatch: () => stepBy(run => run.minibatch()),
  epoch: () => stepBy(run => {
    do run.minibatch(); while (run.t % run.perEpoch && run.isFinite);
  }),
  back() {
    const { run } = app;
    if (run.at) run.goTo(run.t, run.at - 1);
    else if (run.t) run.goTo(run.t - 1, Infinity);
    app.points = app.points.filter(([t]) => t <= app.offset + run.t);
    moved();
  },
  restart() {
    app.run.restart();
    Object.assign(app, { points: [], marks: [], offset: 0 });
    Object.assign(app.state, { t: 0, at: 0, equation: null });
    note();
  },
};

function move(name) {
  pause();
  moves[name]();
  render();
}

const PACES = [["equation", 900], ["minibatch", 500], ["minibatch", 60], ["minibatch", 0], ["fastest", 0]];

function play() {
  if (app.playing) return pause(), render();
  app.touched = true;
  app.playing = { last: 0, panel: 0, frame: requestAnimationFrame(frame) };
  render();
}

function frame(now) {
  const { playing, run } = app;
  if (!playing) return;
  const [kind, every] = PACES[get("speed").value];
  if (now - playing.last >= every) {
    playing.last = now;
    if (kind === "fastest") {
      const end = performance.now() + 14;
      if (run.at) run.minibatch();
      do run.minibatch(); while (performance.now() < end && run.isFinite);
      note();
      moved();
      app.state.equation ??= "F1";
    } else {
      moves[kind]();
    }
    const full = now - playing.panel > 300;
    if (full) playing.panel = now;
    render(!full);
  }
  if (!run.isFinite) {
    pause();
    render();
  }
  if (app.playing) app.playing.frame = requestAnimationFrame(frame);
}

function pause() {
  if (!app.playing) return;
  cancelAnimationFrame(app.playing.frame);
  app.playing = null;
}

function choose(l, j) {
  const { state } = app;
  Object.assign(state, { l, j });
  state.equation = fitting(state.equation ?? "F1", l);
  render();
}

/** The equation of this kind that layer l has. */
function fitting(label, l) {
  const L = app.run.L;
  if (label === "BP2" && l === L) return "BP1";
  if ((label === "BP1" || label === "C") && l < L) return label === "C" ? "F2" : "BP2";
  return label;
}

function other(by) {
  const { state } = app, J = state.sizes[state.l];
  choose(state.l, (state.j + by + J) % J);
}

// What is shown

const BACKWARD = ["BP1", "BP2", "BP3", "BP4"];

function render(quick = false) {
  const { state, run, net, exact } = app, seen = view(), { pass } = seen, L = run.L;
  const label = fitting(state.equation ?? "F1", state.l), backward = BACKWARD.includes(label);
  app.label = label;
  const what = l => {
    if (l === 0) return "a";
    if (backward && seen.known(l === L ? "BP1" : "BP2", l)) return "delta";
    if (label === "F1" && l >= state.l && seen.known("F1", l)) return "z";
    return seen.known("F2", l) ? "a" : seen.known("F1", l) ? "z" : "";
  };
  const names = { a: "activation", z: "weighted input", delta: "error delta" };
  const isTerm = (l, k, j) => (label === "F1" || label === "BP4" || label === "U" ? l === state.l && j === state.j : label === "BP2" && l === state.l + 1 && k === state.j);
  drawNetwork(get("network"), {
    sizes: net.sizes, activations: net.activations, chosen: [state.l, state.j], layer: state.l,
    look: (l, j) => {
      const kind = what(l), v = kind === "delta" ? pass.delta[l][j] : kind === "z" ? pass.z[l][j] : kind === "a" ? (l ? pass.a[l][j] : seen.input[j]) : null;
      return v === null ? null : { v, name: `${kind === "delta" ? "delta" : kind}_${j}^${l}`, spoken: names[kind] };
    },
    line: (l, k, j) => {
      if (isTerm(l, k, j) && label === "F1") return run.net.w[l][j][k] * pass.a[l - 1][k];
      if ((isTerm(l, k, j) || (label === "BP2" && l === state.l + 1)) && seen.known(l === L ? "BP1" : "BP2", l)) return run.net.w[l][j][k] * pass.delta[l][j];
      if (isTerm(l, k, j) && (label === "BP4" || label === "U")) return pass.g_w[l][j][k];
      return run.net.w[l][j][k];
    },
    isTerm, flows: () => label === "BP2", labels: (l, k, j) => run.net.w[l][j][k],
    captions: l => [l === 0 ? "input" : `layer ${l}`, l === 0 ? "a⁰ = x" : `${net.activations[l]} · ${{ a: "a", z: "z", delta: "δ", "": "…" }[what(l)]}`],
    choose,
  });
  const status = statusText(seen);
  if (!quick || !app.playing) {
    get("status").replaceChildren(make("span", { className: "label" }, status[0]), status[1]);
    panels(seen, label);
    const key = keyOf(document.activeElement);
    renderSetup(get("setup"), app, act);
    if (key) refocus(key);
    pictures(seen);
    if (!app.playing) checks();
    address();
  } else {
    pictures(seen);
  }
  get("legend").textContent = { F1: "Bold lines: the terms w a of the sum over k.", BP2: "Bold lines: the terms w δ of the sum over k; they flow back.", BP4: "Bold lines: ∂C/∂w of the weights into the neuron.", U: "Bold lines: the gradient of the weights into the neuron." }[label] ?? "Lines: the weights.";
  drawCurve(get("curve"), app.points, app.marks);
  get("play").textContent = app.playing ? "❚❚ Pause" : "▶ Play";
  get("play").setAttribute("aria-pressed", String(Boolean(app.playing)));
  get("back").disabled = run.t === 0 && run.at === 0;
  get("count").textContent = `update ${run.t} · epoch ${Math.floor(run.t / run.perEpoch)}`;
  get("source").textContent = sourceText(seen);
  document.body.dataset.t = run.t;
  document.body.dataset.at = run.at;
  document.body.dataset.equation = label;
}

function sourceText({ kernel }) {
  const float32 = given.net?.dtype === "float32" && app.state.data === "given";
  const exactly = float32 ? " The network is float32; its numbers are the same in float64." : "";
  if (kernel) return `The numbers of fastbp's kernels (${given.net.dtype}), until you change something or step.`;
  const was = given.net?.kernel && app.state.data === "given";
  return (was && app.touched ? "Switched from the kernels' numbers to the page's own, in float64." : "Computed by the page, in float64.") + exactly;
}

function statusText(seen) {
  const { run, state } = app, { last } = run;
  if (!run.isFinite) return ["stopped", "A weight is no longer finite: eta is too large, or something is broken."];
  if (!last) {
    const next = run.samples.map(sample => sample.index);
    return [`update ${run.t}`, `Everything of sample ${seen.x}. Next: sample${next.length > 1 ? "s" : ""} ${next.slice(0, 6).join(", ")}${next.length > 6 ? ", …" : "."}`];
  }
  const what = { F1: "Weighted inputs", F2: "Activations", C: "The cost", BP1: "Error δ", BP2: "Error δ", BP3: "Gradient of the biases", BP4: "Gradient of the weights", U: "Update" }[last.equation];
  const of = last.equation === "C" ? "" : ` of layer ${last.l}`, n = run.samples.length;
  return [last.equation, `${what}${of} · sample ${seen.x}${n > 1 ? `, ${last.i + 1} of ${n}` : ""}`];
}

function panels(seen, label) {
  const { state, run, net, rules, exact } = app, { l, j } = state, L = run.L;
  const wrong = app.wrong ?? new Set();
  get("tabs").replaceChildren(...LABELS.map(name => make("button", {
    id: `tab-${name}`, type: "button", ariaPressed: String(name === label), className: wrong.has(name) || (name === "U" && wrong.has("averaging")) ? "wrong" : "",
    disabled: name === "BP2" && L === 1,
    onclick: () => {
      if ((name === "C" || name === "BP1") && state.l !== L) Object.assign(state, { l: L, j: 0 });
      if (name === "BP2" && state.l === L) Object.assign(state, { l: L - 1, j: 0 });
      if (state.l === 0) Object.assign(state, { l: 1, j: 0 });
      state.equation = name;
      render();
      get(`tab-${name}`).focus();
    },
  }, name)));
  get("heading").textContent = l === 0 ? `Input ${j}` : label === "C" ? "The cost of the sample" : `Neuron j = ${j} of layer l = ${l}`;
  const known = label === "U" ? run.at === 0 || run.next.equation === "U" || run.last.equation === "U" : seen.known(label, l);
  const context = {
    pass: seen.pass, l, j, net: { ...net, w: run.net.w, b: run.net.b }, rules, bug: app.bug, exact, known, x: seen.x, y: seen.y, values: seen.input, eta: state.eta,
    given: label === "U" && known && l ? seen.given(l) : null, before: run.last?.equation === "U" ? seen.before : run.net,
  };
  const key = keyOf(document.activeElement);
  get("panel").innerHTML = panelOf(label, context); // written in equations.js: labels and numbers only
  for (const field of get("panel").querySelectorAll("input")) {
    field.addEventListener("change", () => {
      const v = Number(field.value), good = field.value !== "" && Number.isFinite(v);
      field.setAttribute("aria-invalid", String(!good));
      if (good) act.number(field.dataset.edit, field.dataset.key, v);
    });
  }
  if (key) refocus(key);
  get("digits").setAttribute("aria-pressed", String(exact));
}

const keyOf = element => (!element || element === document.body ? "" : element.dataset.key ? `[data-edit="${element.dataset.edit}"][data-key="${element.dataset.key}"]` : element.id ? `#${element.id}` : "");
const refocus = key => {
  const element = document.querySelector(key);
  if (element && element !== document.activeElement) element.focus({ preventScroll: true });
};

/** What the inputs look like: the plane, a line, an image, or nothing that could be drawn. */
function viewOf() {
  const { state, net, X } = app, K = net.sizes[0], side = Math.round(Math.sqrt(K));
  if (state.data !== "given") return DATA[state.data];
  const all = X.flatMap(x => [...x]), low = Math.min(...all), high = Math.max(...all), space = 0.3 * (high - low || 1);
  if (K <= 2) return { view: K === 2 ? "plane" : "curve", range: [low - space, high + space] };
  return side * side === K && K >= 16 ? { view: "image" } : { view: "none" };
}

function pictures(seen) {
  const { run, net, rules, X, Y, state } = app, { view: kind, range } = viewOf(), canvas = get("surface"), L = run.L;
  const here = { ...net, w: run.net.w, b: run.net.b }, J = net.sizes[L];
  get("picture-card").hidden = kind === "none";
  get("neurons-card").hidden = kind === "none";
  if (kind === "none") return;
  const j = state.l === L ? state.j : 0, across = rules.softmax ? rightRules(net) : rules;
  const n = kind === "plane" ? (app.playing ? 36 : 60) : 120;
  const grids = kind === "image" ? null : over(here, across, range, n);
  get("picture-title").textContent = { plane: J > 1 ? `Output ${j} over the plane` : "The decision surface", curve: "The line and the points", image: `Sample ${seen.x}` }[kind];
  if (kind === "plane") drawPlane(canvas, grids[L][j], n, range, { X, Y }, seen.x, j);
  else if (kind === "curve") drawLine(canvas, grids, range, { X, Y }, seen.x);
  else drawPixels(canvas, X[seen.x], Math.round(Math.sqrt(net.sizes[0])));
  canvas.setAttribute("aria-label", kind === "image" ? `sample ${seen.x} as an image` : `output over the inputs, with ${X.length} samples; sample ${seen.x} is marked`);
  const output = seen.pass.a[L], best = output.indexOf(Math.max(...output));
  get("picture-note").textContent = kind === "image" ? `The largest output is ${best}${J > 1 ? `, the target ${seen.y.indexOf(Math.max(...seen.y))}` : ""}. ${hits()}` : kind === "plane" ? "Orange: high; purple: low. Circles: target above 1/2; squares: below." : "";
  gallery(kind, grids);
}

/** How many of the samples have their largest output where the target has it. */
function hits() {
  const { run, net, X, Y } = app;
  if (app.playing) return "";
  const pass = new Pass({ ...net, w: run.net.w, b: run.net.b }, rightRules(net));
  const right = X.filter((x, i) => {
    const a = pass.forward(x, Y[i]);
    return a.indexOf(Math.max(...a)) === Y[i].indexOf(Math.max(...Y[i]));
  }).length;
  return `${right} of ${X.length} samples right.`;
}

/** The pictures are made once for a network of these sizes, and drawn anew. */
function gallery(kind, grids) {
  const { run, net, state } = app, place = get("neurons"), layers = kind === "image" ? [1] : [...Array(run.L).keys()].map(l => l + 1);
  const key = `${net.sizes} ${kind}`;
  if (place.dataset.key !== key) {
    place.dataset.key = key;
    place.replaceChildren(...layers.flatMap(l => [
      make("p", { className: "gallery-title" }, kind === "image" ? `layer ${l}: its weights on the pixels` : `layer ${l}: a over the inputs`),
      make("div", { className: "gallery" }, ...Array.from({ length: Math.min(net.sizes[l], 24) }, (_, j) => make("button", { type: "button", onclick: () => choose(l, j), ariaLabel: `neuron ${j} of layer ${l}`, "data-l": l, "data-j": j }, make("canvas", { width: 46, height: 46 }), `${j}`))),
    ]));
  }
  for (const button of place.querySelectorAll("button")) {
    const l = Number(button.dataset.l), j = Number(button.dataset.j);
    drawSmall(button.querySelector("canvas"), kind === "image" ? run.net.w[l][j] : grids[l][j], kind);
    button.setAttribute("aria-pressed", String(state.l === l && state.j === j));
  }
}

function checks() {
  const { run, net, rules, state, bug } = app, here = { ...net, w: run.net.w, b: run.net.b }, samples = sampleList();
  app.wrong = bug ? blamed(here, rules, samples, state.eta) : new Set();
  const off = nudged(here, rules, samples, state.eta), L = run.L;
  const chips = ["F1", "F2", "BP1", "BP2", "BP3", "BP4", "averaging", "U"].map(label => make("span", { className: app.wrong.has(label) ? "chip bad" : "chip good", "data-label": label }, `${label} ${app.wrong.has(label) ? "✗" : "✓"}`));
  const body = make("tbody");
  for (let l = L; l >= 1; l--) {
    const { off: most, largest, wrong, corners, tried } = off[l];
    const row = make("tr", { className: wrong ? "bad" : "" }, make("td", {}, `layer ${l}`), make("td", {}, `${most.toExponential(1)} of ${largest.toExponential(1)}`));
    row.append(make("td", {}, make("span", { className: wrong ? "chip bad" : "chip good", "data-layer": l }, wrong ? "✗ wrong" : "✓")));
    if (corners) row.lastChild.append(` ${corners} of ${tried} at a corner`);
    body.append(row);
  }
  const said = app.wrong.size ? `To blame: ${[...app.wrong].join(", ")}. ${given.mistakes[bug].title}` : bug ? "With these numbers the mistake changes nothing." : "Every equation is right.";
  get("check").replaceChildren(make("div", { className: "chips" }, ...chips), make("p", { className: app.wrong.size ? "note bad" : "small", id: "blame" }, said),
    make("table", {}, make("caption", { className: "small" }, "Largest difference from the quotient (C(w + h) − C(w − h)) / 2h of the coming minibatch"), body));
  for (const label of LABELS) get(`tab-${label}`)?.classList.toggle("wrong", app.wrong.has(label) || (label === "U" && app.wrong.has("averaging")));
  layerTable(here, samples);
}

/** The minibatch under way, or the one that comes. */
function sampleList() {
  const { run, X, Y, order, state } = app, start = (run.t % run.perEpoch) * state.batch;
  return order.slice(start, start + state.batch).slice(0, 50).map(index => ({ index, x: X[index], y: Y[index] }));
}

function layerTable(here, samples) {
  const layers = layersOf(here, app.rules, samples), L = app.run.L, largest = Math.max(...layers.slice(1).map(layer => layer.delta), 1e-300);
  const body = make("tbody");
  for (let l = 1; l <= L; l++) {
    const { delta, flat } = layers[l], long = Math.max(0, 1 + Math.log10(Math.max(delta, 1e-300) / largest) / 6);
    const bar = make("span", { className: "share" });
    bar.style.width = `${(100 * long).toFixed(1)}%`;
    body.append(make("tr", {}, make("td", {}, `${l}`), make("td", { "data-delta": l }, delta.toExponential(1)), make("td", { className: "bar" }, bar), make("td", {}, `${Math.round(100 * flat)} %`)));
  }
  const head = make("thead", {}, make("tr", {}, ...["l", "mean |δ|", "", "flat"].map(text => make("th", { scope: "col" }, text))));
  get("layers").replaceChildren(make("table", {}, head, body), make("p", { className: "small" }, "Bars: six powers of ten. Flat: neurons with σ′(z) below 0.01, which are saturated or dead. More layers make δ vanish, a larger scale of weights saturates."));
}

/** The address says where the page stands: at most three times a second, because browsers count. */
function address() {
  if (app.playing || app.addressed) return;
  app.addressed = setTimeout(() => {
    app.addressed = null;
    try {
      if (!app.playing) history.replaceState(null, "", `#${encode(app.state)}`);
    } catch { /* some viewers forbid it */ }
  }, 300);
}

// Take it along

function copy(kind) {
  pause();
  const { state, net, X, Y, order, run } = app, seen = view();
  const of = { F1: "z", F2: "z", BP4: "weight", BP3: "bias", U: "update" }[app.label] ?? "delta";
  const page = { state: { ...state, bug: app.bug }, net, X, Y, order, sample: seen.x, of };
  const done = run.at ? ` The page is ${run.at} equations further, in a minibatch that is under way.` : "";
  const texts = {
    fastbp: () => [fastbpCode(page), `Run it with FASTBP_DISABLE_JIT=1: its numbers are the page's after ${run.t} updates, to the last bit.${done}`],
    book: () => [bookCode(page), `The book's arrays: equal to rounding.${done}`],
    latex: () => [latexCode({ net: { ...net, w: run.net.w, b: run.net.b }, state, pass: seen.pass, mean: seen.given(Math.max(1, state.l)) }), "For a document with amsmath."],
    link: () => [`${location.href.split("#")[0]}#${encode(state)}`, "It opens this page at this step, with everything that was changed."],
  };
  const [text, said] = texts[kind]();
  get("dialog-title").textContent = { fastbp: "fastbp code", book: "The book's code", latex: "LaTeX", link: "Link" }[kind];
  get("dialog-text").value = text;
  get("dialog-note").textContent = said;
  get("dialog").showModal();
  get("dialog-text").select();
  const copied = () => {
    get("dialog-note").textContent = `Copied. ${said}`;
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(copied, () => {});
}

for (const kind of ["fastbp", "book", "latex", "link"]) get(`copy-${kind}`).addEventListener("click", () => copy(kind));
for (const [id, name] of Object.entries({ step: "equation", layer: "layer", "one-sample": "sample", minibatch: "minibatch", epoch: "epoch", back: "back", restart: "restart" })) {
  get(id).addEventListener("click", () => move(name));
}
get("play").addEventListener("click", play);
get("to-setup").addEventListener("click", () => {
  get("setup").scrollIntoView();
  get("data").focus({ preventScroll: true });
});
const digits = () => {
  app.exact = !app.exact;
  render();
};
get("digits").addEventListener("click", digits);
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const keys = {
    ArrowRight: () => move("equation"), ArrowLeft: () => move("back"), ArrowDown: () => other(1), ArrowUp: () => other(-1), Home: () => move("restart"),
    l: () => move("layer"), s: () => move("sample"), m: () => move("minibatch"), e: () => move("epoch"), p: play, d: digits,
  };
  const act = keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

function fromAddress() {
  pause();
  clearTimeout(app.addressed);
  app.addressed = null;
  app.state = decode(location.hash.slice(1), given.net);
  Object.assign(app, { points: [], marks: [], offset: 0, touched: location.hash.length > 1 });
  rebuild();
  render();
}
addEventListener("hashchange", fromAddress);
let width = 0;
new ResizeObserver(entries => {
  const now = Math.round(entries[0].contentRect.width);
  if (now !== width) requestAnimationFrame(() => render());
  width = now;
}).observe(get("network"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => render());
fromAddress();
/** For tests and for the console: what the page is made of. */
globalThis.playground = { app, act, moves, move, render, encode, decode, initial, NAMES, COSTS, changed };
