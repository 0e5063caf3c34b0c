// What the page is at: one state, what follows from it, and what the reader does to it.
import { Pass, rightRules } from "./network.js";
import { Run, totalCost } from "./run.js";
import { lacks, rulesOf } from "./mistakes.js";
import { networkOf, orderOf, packed, samplesOf } from "./state.js";
import { gradientOf } from "./checking.js";

export const get = id => document.getElementById(id);
const given = JSON.parse(get("given").textContent);
/** `render` draws the page (show.js), and is put here by main.js. */
export const app = {
  given,
  render: null,
  exact: false,
  playing: null,
  points: [],
  marks: [],
  offset: 0,
  touched: false,
};

// What follows from the state

export function rebuild() {
  const { state } = app;
  app.net = networkOf(state, given.net);
  Object.assign(app, samplesOf(state, given.net));
  app.order = orderOf(state, app.X.length);
  const made = state.bug && lacks(app.net, state.batch, state.eta, state.bug) === null ? state.bug : null;
  app.rules = rulesOf(app.net, made);
  app.bug = made;
  const { X, Y, order } = app,
    settings = { X, Y, order, batch: state.batch, eta: state.eta };
  app.run = new Run(app.net, { ...settings, rules: app.rules });
  app.right = made ? new Run(app.net, { ...settings, rules: rightRules(app.net) }) : null;
  state.l = Math.min(state.l, app.run.L);
  state.j = Math.min(state.j, state.sizes[state.l] - 1);
  const { t, at } = state;
  if (!app.points.length) note();
  if (t || at) replay(t, at);
}

/** Go to a step of the training, a slice at a time, so that the page answers meanwhile, and can change its mind. */
function replay(t, at, token = {}) {
  const { run } = app,
    end = performance.now() + 60;
  app.replaying = token;
  while (run.t < t && performance.now() < end && run.isFinite) {
    run.minibatch();
    note(run.t % Math.max(1, Math.floor(t / 200)) === 0 || run.t === t);
  }
  if (run.t < t && run.isFinite) {
    setTimeout(() => {
      if (app.replaying !== token) return;
      replay(t, at, token);
      app.render();
    }, 0);
    return;
  }
  if (run.isFinite) run.goTo(t, at);
  moved();
}

/**
 * A point of the curve: C over the samples of an epoch, or where these are many the mean of the minibatch;
 * beside it the same without the mistake, if there is one.
 */
export function note(wanted = true) {
  const { run, right, net, X, Y, order } = app;
  if (!wanted) return;
  right?.goTo(run.t);
  const parameters = net.sizes.slice(1).reduce((total, J, i) => total + J * (net.sizes[i] + 1), 0);
  const few = order.length * parameters <= 2e6 || run.t === 0;
  const cost = one =>
    few
      ? totalCost(
          one.net,
          rightRules(net),
          order.map(x => X[x]),
          order.map(x => Y[x]),
        )
      : one.C;
  app.points.push([app.offset + run.t, cost(run), right ? cost(right) : NaN]);
  if (app.points.length > 4000) app.points = app.points.filter((_, i) => i % 2 === 0);
}

/** The state says where the training stands. */
function moved() {
  const { run, state } = app,
    { last } = run;
  Object.assign(state, { t: run.t, at: run.at });
  if (!last) return;
  state.look = run.sample.index;
  Object.assign(state, { equation: last.equation, l: last.l });
  state.j = Math.min(state.j, state.sizes[state.l] - 1);
}

/** What is seen: the sample at work, or between minibatches a sample chosen, with everything computed. */
export function view() {
  const { run, state, X, Y, net, rules } = app;
  if (run.at) {
    const steps = run.steps.slice(0, run.at),
      i = run.last.i;
    const done = new Set(
      steps.filter(step => step.i === i || step.equation === "U").map(step => `${step.equation}${step.l}`),
    );
    const sample = run.sample;
    return {
      pass: run.pass,
      x: sample.index,
      y: sample.y,
      input: sample.x,
      known: (label, l) => done.has(`${label}${l}`),
      given: l => run.sums.returned(l),
      before: run.before ?? run.net,
    };
  }
  const pass = new Pass(run.net, rules, state.eta),
    x = state.look;
  pass.batch = run.samples;
  pass.forward(X[x], Y[x]);
  pass.cost();
  pass.backward();
  const kernel = !app.touched && given.net?.kernel?.[x];
  if (kernel) {
    for (const name of ["z", "a", "delta", "g_b"])
      for (let l = 1; l <= run.L; l++) pass[name][l].set(kernel[name][l - 1]);
    for (let l = 1; l <= run.L; l++) kernel.g_w[l - 1].forEach((row, j) => pass.g_w[l][j].set(row));
    pass.C = kernel.C;
  }
  let mean;
  return {
    pass,
    x,
    y: Y[x],
    input: X[x],
    kernel: Boolean(kernel),
    known: () => true,
    given: l => (mean ??= gradientOf(run.net, rules, run.samples, state.eta))[l],
    before: run.net,
  };
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

export const act = {
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
    app.render();
  },
};

function beginAgain() {
  Object.assign(app, { points: [], marks: [], offset: 0, touched: app.touched || app.state.data !== "given" });
  rebuild();
  later();
}

/** After the event, when the focus has gone where it goes. */
const later = () => setTimeout(() => app.render(), 0);

function stepBy(how) {
  const { run } = app,
    t = run.t;
  app.touched = true;
  if (run.next.equation === "U" && run.next.l === 1) keepBefore();
  const last = how(run);
  if (run.t !== t) note();
  moved();
  if (run.at === 0 && last)
    Object.assign(app.state, {
      equation: last.equation,
      l: last.l,
      j: Math.min(app.state.j, app.state.sizes[last.l] - 1),
    });
  if (!run.isFinite) pause();
  return last;
}

/** The weights as U finds them: its panel shows both. */
function keepBefore() {
  const { run } = app;
  run.before = { w: run.net.w.map(rows => rows?.map(row => row.slice())), b: run.net.b.map(row => row?.slice()) };
}

const group = equation => ({ F1: "forward", F2: "forward", BP3: "gradients", BP4: "gradients" })[equation] ?? equation;
export const moves = {
  equation: () => stepBy(run => run.step()),
  layer: () =>
    stepBy(run => run.until((done, next) => next.l !== done.l || group(next.equation) !== group(done.equation))),
  sample: () => stepBy(run => run.until((done, next) => next.i !== done.i || next.equation === "U")),
  minibatch: () => stepBy(run => run.minibatch()),
  epoch: () =>
    stepBy(run => {
      do run.minibatch();
      while (run.t % run.perEpoch && run.isFinite);
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

export function move(name) {
  pause();
  moves[name]();
  app.render();
}

const PACES = [
  ["equation", 900],
  ["minibatch", 500],
  ["minibatch", 60],
  ["minibatch", 0],
  ["fastest", 0],
];

export function play() {
  if (app.playing) return (pause(), app.render());
  app.touched = true;
  app.playing = { last: 0, panel: 0, frame: requestAnimationFrame(frame) };
  app.render();
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
      do run.minibatch();
      while (performance.now() < end && run.isFinite);
      note();
      moved();
      app.state.equation ??= "F1";
    } else {
      moves[kind]();
    }
    const full = now - playing.panel > 300;
    if (full) playing.panel = now;
    app.render(!full);
  }
  if (!run.isFinite) {
    pause();
    app.render();
  }
  if (app.playing) app.playing.frame = requestAnimationFrame(frame);
}

export function pause() {
  app.replaying = null;
  if (!app.playing) return;
  cancelAnimationFrame(app.playing.frame);
  app.playing = null;
}

export function choose(l, j) {
  const { state } = app;
  Object.assign(state, { l, j });
  state.equation = fitting(state.equation ?? "F1", l);
  app.render();
}

/** The equation of this kind that layer l has. */
export function fitting(label, l) {
  const L = app.run.L;
  if (label === "BP2" && l === L) return "BP1";
  if ((label === "BP1" || label === "C") && l < L) return label === "C" ? "F2" : "BP2";
  return label;
}

export function other(by) {
  const { state } = app,
    J = state.sizes[state.l];
  choose(state.l, (state.j + by + J) % J);
}
