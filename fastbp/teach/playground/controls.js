// The settings: data, network, training, and what to break.
import { ACTIVATIONS, COSTS, goesWith, refusalOf } from "./functions.js";
import { DATA } from "./data.js";
import { NAMES, lacks } from "./mistakes.js";
import { LARGEST_ETA, LARGEST_SCALE, MOST_LAYERS, MOST_NEURONS, initial, networkOf, orderOf, randomNumbers, written } from "./state.js";

/** An element: attributes, handlers as on..., children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, v] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), v);
    else if (key in element && key !== "list") element[key] = v;
    else element.setAttribute(key, v);
  }
  element.append(...children);
  return element;
}

const field = (label, control, wide = false) => {
  const name = make("label", { htmlFor: control.id }, label);
  return make("div", { className: wide ? "field wide" : "field" }, name, control);
};
const select = (id, options, value, onchange) => {
  const element = make("select", { id, onchange: event => onchange(event.target.value) });
  element.append(...options.map(([v, text]) => make("option", { value: v, selected: v === value }, text)));
  return element;
};
const number = (id, value, attributes, onchange) =>
  make("input", {
    id,
    type: "number",
    step: "any",
    value: written(value),
    ...attributes,
    onchange: event => {
      const v = Number(event.target.value),
        { min, max } = attributes;
      const good = event.target.value !== "" && Number.isFinite(v) && !(v < min) && !(v > max);
      event.target.setAttribute("aria-invalid", String(!good));
      if (good) onchange(v);
    },
  });
const button = (id, text, onclick, attributes = {}) =>
  make("button", { id, type: "button", onclick, ...attributes }, text);

function dataOf({ state, given, net, X, Y }, act) {
  const refusal = refusalOf(net, Y);
  const options = [
    ...(given.net ? [["given", given.net.title]] : []),
    ...Object.entries(DATA).map(([name, { title }]) => [name, title]),
  ];
  const x = state.look,
    n = X.length;
  const look = to => act.look((to + n) % n);
  const numbers = (letter, values, words) =>
    make(
      "div",
      { className: "numbers" },
      ...Array.from(values, (v, k) => {
        const control = number(`${letter}-${k}`, v, { ariaLabel: `${words} ${k} of sample ${x}` }, value =>
          act.number(letter, `${x}.${k}`, value),
        );
        const name = make("label", { htmlFor: control.id });
        name.append(make("span", {}, letter, make("sub", {}, `${k}`)), control);
        return name;
      }),
    );
  return [
    make("h2", {}, "Data"),
    field(
      "data set",
      select("data", options, state.data, v => act.reset(initial(v, given.net))),
    ),
    make(
      "div",
      { className: "field" },
      make("span", {}, "sample"),
      make(
        "div",
        { className: "row tight" },
        button("previous-sample", "‹", () => look(x - 1), { ariaLabel: "previous sample" }),
        make("b", {}, `${x} of ${n - 1}`),
        button("next-sample", "›", () => look(x + 1), { ariaLabel: "next sample" }),
      ),
    ),
    ...(X[x].length <= 16
      ? [numbers("x", X[x], "input")]
      : [make("p", { className: "small" }, `${X[x].length} inputs: click a neuron of layer 0 to change them.`)]),
    ...(Y[x].length <= 16 ? [numbers("y", Y[x], "target")] : []),
    ...(refusal ? [make("p", { className: "note bad", id: "refusal" }, `${refusal} The page goes on; fastbp refuses such targets.`)] : []),
  ];
}

function resized(act, sizes, activations) {
  act.edit(state =>
    Object.assign(state, {
      sizes,
      activations,
      base: "drawn",
      full: "",
      w: {},
      b: {},
      l: Math.min(state.l, sizes.length - 1),
      j: 0,
    }),
  );
}

function networkFields({ state }, act) {
  const { sizes, activations } = state,
    L = sizes.length - 1;
  const rows = [];
  const names = (l, v) =>
    select(
      `activation-${l}`,
      ACTIVATIONS.filter(name => l === L || name !== "softmax").map(name => [name, name]),
      v,
      chosen => {
        act.edit(now => {
          now.activations = now.activations.map((name, i) => (i === l - 1 ? chosen : name));
          if (l === L && !goesWith(now.cost, chosen)) {
            now.cost = Object.keys(COSTS).find(cost => goesWith(cost, chosen));
            now.p = COSTS[now.cost].p ?? null;
          }
        });
      },
    );
  for (let l = 1; l <= L; l++) {
    const to = J =>
      resized(
        act,
        sizes.map((size, i) => (i === l ? J : size)),
        activations,
      );
    const choice = names(l, activations[l - 1]);
    choice.ariaLabel = `activation of layer ${l}`;
    rows.push(
      make(
        "div",
        { className: "layer-row" },
        make("span", {}, `l = ${l}`),
        button(`fewer-${l}`, "−", () => to(sizes[l] - 1), {
          disabled: l === L || sizes[l] < 2,
          ariaLabel: `one neuron less in layer ${l}`,
        }),
        make("b", {}, `${sizes[l]}`),
        button(`more-${l}`, "+", () => to(sizes[l] + 1), {
          disabled: l === L || sizes[l] >= MOST_NEURONS,
          ariaLabel: `one neuron more in layer ${l}`,
        }),
        choice,
      ),
    );
  }
  const cost = COSTS[state.cost];
  return [
    make("h2", {}, "Network"),
    ...rows,
    make(
      "div",
      { className: "row" },
      button(
        "deeper",
        "Layer more",
        () =>
          resized(
            act,
            [...sizes.slice(0, -1), L > 1 ? sizes[L - 1] : 3, sizes[L]],
            [...activations.slice(0, -1), L > 1 ? activations[L - 2] : "sigmoid", activations[L - 1]],
          ),
        { disabled: L >= MOST_LAYERS },
      ),
      button(
        "flatter",
        "Layer less",
        () => resized(act, [...sizes.slice(0, -2), sizes[L]], [...activations.slice(0, -2), activations[L - 1]]),
        { disabled: L < 2 },
      ),
    ),
    field(
      "cost",
      select(
        "cost",
        Object.keys(COSTS).map(name => [name, name]),
        state.cost,
        chosen =>
          act.edit(now => {
            const output = now.activations.at(-1);
            if (!goesWith(chosen, output))
              now.activations = [...now.activations.slice(0, -1), COSTS[chosen].outputs?.[0] ?? "sigmoid"];
            Object.assign(now, { cost: chosen, p: COSTS[chosen].p ?? null });
          }),
      ),
    ),
    ...(cost.p === undefined
      ? []
      : [
          field(
            "its parameter p",
            number(
              "p",
              state.p,
              { min: cost.from ?? cost.above + 1e-9, max: cost.below === undefined ? Infinity : cost.below - 1e-9 },
              v => act.edit(now => Object.assign(now, { p: v })),
            ),
          ),
        ]),
    field(
      "weight scale",
      number("scale", state.scale, { min: 0, max: LARGEST_SCALE }, v => act.draw({ scale: v })),
    ),
    make(
      "div",
      { className: "row" },
      button("draw", "Draw other weights", () =>
        act.draw({ seed: state.base === "drawn" ? (state.seed + 1) % 4294967296 : state.seed }),
      ),
    ),
  ];
}

function training({ state, X, order }, act) {
  const n = X.length,
    list = make("textarea", {
      id: "order",
      rows: order.length > 12 ? 3 : 2,
      value: order.join(" "),
      spellcheck: false,
      onchange: event => {
        const wanted = event.target.value
          .split(/[\s,]+/)
          .filter(Boolean)
          .map(Number);
        const good = wanted.length > 0 && wanted.every(x => Number.isInteger(x) && x >= 0 && x < n);
        event.target.setAttribute("aria-invalid", String(!good));
        if (good) act.edit(now => Object.assign(now, { order: wanted, batch: Math.min(now.batch, wanted.length) }));
      },
    });
  const shuffle = () =>
    act.edit(now => {
      const mixed = [...orderOf(now, n)],
        next = randomNumbers(mixed.reduce((total, x, i) => (total * 31 + x * (i + 1)) | 0, 7));
      for (let i = mixed.length - 1; i > 0; i--) {
        const other = next() % (i + 1);
        [mixed[i], mixed[other]] = [mixed[other], mixed[i]];
      }
      now.order = mixed;
    });
  return [
    make("h2", {}, "Training"),
    field(
      "eta",
      number("eta", state.eta, { min: Number.MIN_VALUE, max: LARGEST_ETA }, v => act.edit(now => Object.assign(now, { eta: v }))),
    ),
    field(
      "minibatch",
      number("batch", state.batch, { min: 1, max: order.length, step: 1 }, v =>
        act.edit(now => Object.assign(now, { batch: Math.floor(v) })),
      ),
    ),
    field("order of samples in an epoch", list, true),
    make(
      "div",
      { className: "row" },
      button("shuffle", "Shuffle", shuffle),
      button("in-order", "In order", () => act.edit(now => Object.assign(now, { order: null })), {
        disabled: state.order === null,
      }),
    ),
  ];
}

/** The worked example, changed as little as a mistake needs to be made. */
function roomFor(bug, given) {
  const example = { ...initial("example", given), order: null, batch: 2, eta: 0.3, bug };
  const cross = { cost: "cross_entropy" },
    L3 = { sizes: [2, 2, 2, 2], activations: ["sigmoid", "sigmoid", "sigmoid"], base: "drawn" };
  const changes = [{}, cross, { ...cross, activations: ["sigmoid", "softmax"] }, { activations: ["relu", "relu"] }, L3];
  const all = changes.map(change => ({ ...example, ...change }));
  return all.find(state => lacks(networkOf(state, given), state.batch, state.eta, bug) === null) ?? example;
}

const EQUATIONS = ["F1", "F2", "BP1", "BP2", "BP3", "BP4", "averaging", "U"];

function breaking({ state, given, net }, act) {
  const control = make("select", {
    id: "mistake",
    onchange: event => act.edit(now => Object.assign(now, { bug: event.target.value || null })),
  });
  control.append(make("option", { value: "" }, "nothing: all is right"));
  for (const label of EQUATIONS) {
    const names = NAMES.filter(name => given.mistakes[name].equation.split(",")[0] === label);
    control.append(
      make(
        "optgroup",
        { label },
        ...names.map(name => {
          const missing = lacks(net, state.batch, state.eta, name);
          return make(
            "option",
            { value: name, selected: name === state.bug },
            missing === null ? name : `${name} · not here`,
          );
        }),
      ),
    );
  }
  const parts = [make("h2", {}, "Break it"), field("a mistake that learners make", control, true)];
  if (state.bug) {
    const { equation, title, why, fix } = given.mistakes[state.bug],
      missing = lacks(net, state.batch, state.eta, state.bug);
    parts.push(
      make(
        "div",
        { className: "note bad", id: "mistake-note" },
        make("b", {}, `${title} (${equation})`),
        make("p", {}, why),
        make("p", {}, make("i", {}, fix)),
        ...(missing
          ? [
              make("p", {}, `It cannot be made here: it needs ${missing}. The page computes without it.`),
              button("make-room", "Show it where it can be made", () => act.reset(roomFor(state.bug, given.net))),
            ]
          : []),
      ),
    );
  }
  return parts;
}

/** All settings, drawn anew; what had the focus keeps it. */
export function renderSetup(place, app, act) {
  place.replaceChildren(...dataOf(app, act), ...breaking(app, act), ...training(app, act), ...networkFields(app, act));
}
