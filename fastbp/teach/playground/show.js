// What is shown: the drawing, the equation of the chosen neuron, settings, pictures and checks.
import { encode } from "./state.js";
import { drawNetwork } from "./drawing.js";
import { drawCurve } from "./plots.js";
import { pictures } from "./pictures.js";
import { LABELS, panelOf } from "./equations.js";
import { blamed, layersOf, nudged } from "./checking.js";
import { make, renderSetup } from "./controls.js";
import { act, app, choose, fitting, get, view } from "./app.js";

const BACKWARD = ["BP1", "BP2", "BP3", "BP4"];

export function render(quick = false) {
  const { state, run, net, exact } = app,
    seen = view(),
    { pass } = seen,
    L = run.L;
  const label = fitting(state.equation ?? "F1", state.l),
    backward = BACKWARD.includes(label);
  app.label = label;
  const what = l => {
    if (l === 0) return "a";
    if (backward && seen.known(l === L ? "BP1" : "BP2", l)) return "delta";
    if (label === "F1" && l >= state.l && seen.known("F1", l)) return "z";
    return seen.known("F2", l) ? "a" : seen.known("F1", l) ? "z" : "";
  };
  const names = { a: "activation", z: "weighted input", delta: "error delta" };
  const isTerm = (l, k, j) =>
    label === "F1" || label === "BP4" || label === "U"
      ? l === state.l && j === state.j
      : label === "BP2" && l === state.l + 1 && k === state.j;
  drawNetwork(get("network"), {
    sizes: net.sizes,
    activations: net.activations,
    chosen: [state.l, state.j],
    layer: state.l,
    look: (l, j) => {
      const kind = what(l),
        v =
          kind === "delta"
            ? pass.delta[l][j]
            : kind === "z"
              ? pass.z[l][j]
              : kind === "a"
                ? l
                  ? pass.a[l][j]
                  : seen.input[j]
                : null;
      return v === null ? null : { v, name: `${kind === "delta" ? "delta" : kind}_${j}^${l}`, spoken: names[kind] };
    },
    line: (l, k, j) => {
      if (isTerm(l, k, j) && label === "F1") return run.net.w[l][j][k] * pass.a[l - 1][k];
      if ((isTerm(l, k, j) || (label === "BP2" && l === state.l + 1)) && seen.known(l === L ? "BP1" : "BP2", l))
        return run.net.w[l][j][k] * pass.delta[l][j];
      if (isTerm(l, k, j) && (label === "BP4" || label === "U")) return pass.g_w[l][j][k];
      return run.net.w[l][j][k];
    },
    isTerm,
    flows: () => label === "BP2",
    labels: (l, k, j) => run.net.w[l][j][k],
    captions: l => [
      l === 0 ? "input" : `layer ${l}`,
      l === 0 ? "a⁰ = x" : `${net.activations[l]} · ${{ a: "a", z: "z", delta: "δ", "": "…" }[what(l)]}`,
    ],
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
  get("legend").textContent =
    {
      F1: "Bold lines: the terms w a of the sum over k.",
      BP2: "Bold lines: the terms w δ of the sum over k; they flow back.",
      BP4: "Bold lines: ∂C/∂w of the weights into the neuron.",
      U: "Bold lines: the gradient of the weights into the neuron.",
    }[label] ?? "Lines: the weights.";
  drawCurve(get("curve"), app.points, app.marks);
  get("curve-note").textContent = app.bug ? "Dashed: the same training without the mistake." : "";
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
  const float32 = app.given.net?.dtype === "float32" && app.state.data === "given";
  const exactly = float32 ? " The network is float32; its numbers are the same in float64." : "";
  if (kernel) return `The numbers of fastbp's kernels (${app.given.net.dtype}), until you change something or step.`;
  const was = app.given.net?.kernel && app.state.data === "given";
  return (
    (was && app.touched
      ? "Switched from the kernels' numbers to the page's own, in float64."
      : "Computed by the page, in float64.") + exactly
  );
}

function statusText(seen) {
  const { run, state } = app,
    { last } = run;
  if (!run.isFinite) return ["stopped", "A weight or a bias is no longer finite: eta is too large, or something is broken."];
  const overflow = overflows(seen);
  if (!last) {
    const next = run.samples.map(sample => sample.index);
    return [
      `update ${run.t}`,
      `Everything of sample ${seen.x}. Next: sample${next.length > 1 ? "s" : ""} ${next.slice(0, 6).join(", ")}${next.length > 6 ? ", …" : "."}${overflow}`,
    ];
  }
  const what = {
    F1: "Weighted inputs",
    F2: "Activations",
    C: "The cost",
    BP1: "Error δ",
    BP2: "Error δ",
    BP3: "Gradient of the biases",
    BP4: "Gradient of the weights",
    U: "Update",
  }[last.equation];
  const of = last.equation === "C" ? "" : ` of layer ${last.l}`,
    n = run.samples.length;
  return [last.equation, `${what}${of} · sample ${seen.x}${n > 1 ? `, ${last.i + 1} of ${n}` : ""}${overflow && ` ·${overflow}`}`];
}

/** In words, if the gradient of the sample that is seen is not finite; "" otherwise. */
function overflows({ pass, known }) {
  const { L } = app.run,
    overflow = row => !row.every(Number.isFinite),
    layers = [...Array(L).keys()].map(l => l + 1);
  const first = (equation, wrong) => layers.find(l => known(equation(l), l) && wrong(l));
  const gradient = first(
    () => "BP4",
    l => overflow(pass.g_b[l]) || pass.g_w[l].some(overflow),
  );
  if (gradient)
    return ` The gradient of layer ${gradient} is not finite: training diverges here. Lower eta, or scale x and the weights.`;
  const delta = first(
    l => (l === L ? "BP1" : "BP2"),
    l => overflow(pass.delta[l]),
  );
  if (delta) return ` δ of layer ${delta} is not finite. Lower eta, or scale x, y and the weights.`;
  const z = first(
    () => "F1",
    l => overflow(pass.z[l]),
  );
  if (z) return ` z of layer ${z} is not finite. Lower eta, or scale x and the weights.`;
  const a = first(
    () => "F2",
    l => overflow(pass.a[l]),
  );
  return a ? ` a of layer ${a} is not finite. Lower eta, or scale x and the weights.` : "";
}

function panels(seen, label) {
  const { state, run, net, rules, exact } = app,
    { l, j } = state,
    L = run.L;
  const wrong = app.wrong ?? new Set();
  get("tabs").replaceChildren(
    ...LABELS.map(name =>
      make(
        "button",
        {
          id: `tab-${name}`,
          type: "button",
          ariaPressed: String(name === label),
          className: wrong.has(name) || (name === "U" && wrong.has("averaging")) ? "wrong" : "",
          disabled: name === "BP2" && L === 1,
          onclick: () => {
            if ((name === "C" || name === "BP1") && state.l !== L) Object.assign(state, { l: L, j: 0 });
            if (name === "BP2" && state.l === L) Object.assign(state, { l: L - 1, j: 0 });
            if (state.l === 0) Object.assign(state, { l: 1, j: 0 });
            state.equation = name;
            render();
            get(`tab-${name}`).focus();
          },
        },
        name,
      ),
    ),
  );
  get("heading").textContent =
    l === 0 ? `Input ${j}` : label === "C" ? "The cost of the sample" : `Neuron j = ${j} of layer l = ${l}`;
  const known =
    label === "U" ? run.at === 0 || run.next.equation === "U" || run.last.equation === "U" : seen.known(label, l);
  const context = {
    pass: seen.pass,
    l,
    j,
    net: { ...net, w: run.net.w, b: run.net.b },
    rules,
    bug: app.bug,
    exact,
    known,
    x: seen.x,
    y: seen.y,
    values: seen.input,
    eta: state.eta,
    given: label === "U" && known && l ? seen.given(l) : null,
    before: run.last?.equation === "U" ? seen.before : run.net,
  };
  const key = keyOf(document.activeElement);
  get("panel").innerHTML = panelOf(label, context); // written in equations.js: labels and numbers only
  for (const field of get("panel").querySelectorAll("input")) {
    field.addEventListener("change", () => {
      const v = Number(field.value),
        good = field.value !== "" && Number.isFinite(v);
      field.setAttribute("aria-invalid", String(!good));
      if (good) act.number(field.dataset.edit, field.dataset.key, v);
    });
  }
  if (key) refocus(key);
  get("digits").setAttribute("aria-pressed", String(exact));
}

const keyOf = element =>
  !element || element === document.body
    ? ""
    : element.dataset.key
      ? `[data-edit="${element.dataset.edit}"][data-key="${element.dataset.key}"]`
      : element.id
        ? `#${element.id}`
        : "";
const refocus = key => {
  const element = document.querySelector(key);
  if (element && element !== document.activeElement) element.focus({ preventScroll: true });
};

function checks() {
  const { run, net, rules, state, bug } = app,
    here = { ...net, w: run.net.w, b: run.net.b },
    samples = sampleList();
  app.wrong = bug ? blamed(here, rules, samples, state.eta) : new Set();
  const off = nudged(here, rules, samples, state.eta),
    L = run.L;
  const chips = ["F1", "F2", "BP1", "BP2", "BP3", "BP4", "averaging", "U"].map(label =>
    make(
      "span",
      { className: app.wrong.has(label) ? "chip bad" : "chip good", "data-label": label },
      `${label} ${app.wrong.has(label) ? "✗" : "✓"}`,
    ),
  );
  const body = make("tbody");
  for (let l = L; l >= 1; l--) {
    const { off: most, largest, wrong, corners, tried } = off[l];
    const row = make(
      "tr",
      { className: wrong ? "bad" : "" },
      make("td", {}, `layer ${l}`),
      make("td", {}, `${most.toExponential(1)} of ${largest.toExponential(1)}`),
    );
    row.append(
      make(
        "td",
        {},
        make("span", { className: wrong ? "chip bad" : "chip good", "data-layer": l }, wrong ? "✗ wrong" : "✓"),
      ),
    );
    if (corners) row.lastChild.append(` ${corners} of ${tried} at a corner`);
    body.append(row);
  }
  const said = app.wrong.size
    ? `To blame: ${[...app.wrong].join(", ")}. ${app.given.mistakes[bug].title}`
    : bug
      ? "With these numbers the mistake changes nothing."
      : "Every equation is right.";
  get("check").replaceChildren(
    make("div", { className: "chips" }, ...chips),
    make("p", { className: app.wrong.size ? "note bad" : "small", id: "blame" }, said),
    make(
      "table",
      {},
      make(
        "caption",
        { className: "small" },
        "Largest difference from the quotient (C(w + h) − C(w − h)) / 2h of the coming minibatch",
      ),
      body,
    ),
  );
  for (const label of LABELS)
    get(`tab-${label}`)?.classList.toggle(
      "wrong",
      app.wrong.has(label) || (label === "U" && app.wrong.has("averaging")),
    );
  layerTable(here, samples);
}

/** The minibatch under way, or the one that comes. */
function sampleList() {
  const { run, X, Y, order, state } = app,
    start = (run.t % run.perEpoch) * state.batch;
  return order
    .slice(start, start + state.batch)
    .slice(0, 50)
    .map(index => ({ index, x: X[index], y: Y[index] }));
}

function layerTable(here, samples) {
  const layers = layersOf(here, app.rules, samples),
    L = app.run.L,
    largest = Math.max(...layers.slice(1).map(layer => layer.delta), 1e-300);
  const body = make("tbody");
  for (let l = 1; l <= L; l++) {
    const { delta, flat } = layers[l],
      long = Math.max(0, 1 + Math.log10(Math.max(delta, 1e-300) / largest) / 6);
    const bar = make("span", { className: "share" });
    bar.style.width = `${(100 * long).toFixed(1)}%`;
    body.append(
      make(
        "tr",
        {},
        make("td", {}, `${l}`),
        make("td", { "data-delta": l }, delta.toExponential(1)),
        make("td", { className: "bar" }, bar),
        make("td", {}, `${Math.round(100 * flat)} %`),
      ),
    );
  }
  const head = make(
    "thead",
    {},
    make("tr", {}, ...["l", "mean |δ|", "", "flat"].map(text => make("th", { scope: "col" }, text))),
  );
  get("layers").replaceChildren(
    make("table", {}, head, body),
    make(
      "p",
      { className: "small" },
      "Bars: six powers of ten. Flat: neurons with σ′(z) below 0.01, which are saturated or dead. More layers make δ vanish, a larger scale of weights saturates.",
    ),
  );
}

/** The address says where the page stands: at most three times a second, because browsers count. */

/** The address says where the page stands: at most three times a second, because browsers count. */
function address() {
  if (app.playing || app.addressed) return;
  app.addressed = setTimeout(() => {
    app.addressed = null;
    try {
      if (!app.playing) history.replaceState(null, "", `#${encode(app.state)}`);
    } catch {
      /* some viewers forbid it */
    }
  }, 300);
}
