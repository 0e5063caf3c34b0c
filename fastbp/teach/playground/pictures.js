// Pictures of what the network makes of its inputs: the decision surface, a line, an image, and one of each neuron.
import { DATA } from "./data.js";
import { Pass, rightRules } from "./network.js";
import { drawLine, drawPixels, drawPlane, drawSmall, over } from "./plots.js";
import { make } from "./controls.js";
import { app, choose, get } from "./app.js";

/** What the inputs look like: the plane, a line, an image, or nothing that could be drawn. */
function viewOf() {
  const { state, net, X } = app,
    K = net.sizes[0],
    side = Math.round(Math.sqrt(K));
  if (state.data !== "given") return DATA[state.data];
  const all = X.flatMap(x => [...x]),
    low = Math.min(...all),
    high = Math.max(...all),
    space = 0.3 * (high - low || 1);
  if (K <= 2) return { view: K === 2 ? "plane" : "curve", range: [low - space, high + space] };
  return side * side === K && K >= 16 ? { view: "image" } : { view: "none" };
}

export function pictures(seen) {
  const { run, net, rules, X, Y, state } = app,
    { view: kind, range } = viewOf(),
    canvas = get("surface"),
    L = run.L;
  const here = { ...net, w: run.net.w, b: run.net.b },
    J = net.sizes[L];
  get("picture-card").hidden = kind === "none";
  get("neurons-card").hidden = kind === "none";
  if (kind === "none") return;
  const j = state.l === L ? state.j : 0,
    across = rules.softmax ? rightRules(net) : rules;
  const n = kind === "plane" ? (app.playing ? 36 : 60) : 120;
  const grids = kind === "image" ? null : over(here, across, range, n);
  get("picture-title").textContent = {
    plane: J > 1 ? `Output ${j} over the plane` : "The decision surface",
    curve: "The line and the points",
    image: `Sample ${seen.x}`,
  }[kind];
  if (kind === "plane") drawPlane(canvas, grids[L][j], n, range, { X, Y }, seen.x, j);
  else if (kind === "curve") drawLine(canvas, grids, range, { X, Y }, seen.x);
  else drawPixels(canvas, X[seen.x], Math.round(Math.sqrt(net.sizes[0])));
  canvas.setAttribute(
    "aria-label",
    kind === "image"
      ? `sample ${seen.x} as an image`
      : `output over the inputs, with ${X.length} samples; sample ${seen.x} is marked`,
  );
  const output = seen.pass.a[L],
    best = output.indexOf(Math.max(...output));
  get("picture-note").textContent =
    kind === "image"
      ? `The largest output is ${best}${J > 1 ? `, the target ${seen.y.indexOf(Math.max(...seen.y))}` : ""}. ${hits()}`
      : kind === "plane"
        ? "Orange: high; purple: low. Circles: target above 1/2; squares: below."
        : "";
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
  const { run, net, state } = app,
    place = get("neurons"),
    layers = kind === "image" ? [1] : [...Array(run.L).keys()].map(l => l + 1);
  const key = `${net.sizes} ${kind}`;
  if (place.dataset.key !== key) {
    place.dataset.key = key;
    place.replaceChildren(
      ...layers.flatMap(l => [
        make(
          "p",
          { className: "gallery-title" },
          kind === "image" ? `layer ${l}: its weights on the pixels` : `layer ${l}: a over the inputs`,
        ),
        make(
          "div",
          { className: "gallery" },
          ...Array.from({ length: Math.min(net.sizes[l], 24) }, (_, j) =>
            make(
              "button",
              {
                type: "button",
                onclick: () => choose(l, j),
                ariaLabel: `neuron ${j} of layer ${l}`,
                "data-l": l,
                "data-j": j,
              },
              make("canvas", { width: 46, height: 46 }),
              `${j}`,
            ),
          ),
        ),
      ]),
    );
  }
  for (const button of place.querySelectorAll("button")) {
    const l = Number(button.dataset.l),
      j = Number(button.dataset.j);
    drawSmall(button.querySelector("canvas"), kind === "image" ? run.net.w[l][j] : grids[l][j], kind);
    button.setAttribute("aria-pressed", String(state.l === l && state.j === j));
  }
}
