// Every mistake of fastbp's catalogue, as the lines that it puts in the place of the right ones (network.js). The lines are
// JavaScript and Python at once: what the page shows and what "copy as code" writes is what runs.
import { exp } from "./elementary.js";
import { COSTS } from "./functions.js";
import { Pass, rightRules } from "./network.js";

// What Python calls by these names.
const len = v => v.length;
export const abs = Math.abs;
const sum = v => v.reduce((total, v_k) => total + v_k, 0);
export const flat = rows => rows.flatMap(row => [...row]);

const at = (net, l) => net.activations[l],
  last = net => net.activations.length - 1;
const output = net => at(net, last(net)),
  hidden = net => at(net, 1);
const cancels = net => Boolean(COSTS[net.cost].cancels);
const formulas = {
  sigmoid: {
    "of z": [
      ({ error, z, L }, j) => error[L][j] * z[L][j] * (1 - z[L][j]),
      ({ z }, l, j, total) => z[l][j] * (1 - z[l][j]) * total,
    ],
    "of a": [
      ({ error, a, L }, j) => error[L][j] * a[L][j] * (1 - a[L][j]),
      ({ a }, l, j, total) => a[l][j] * (1 - a[l][j]) * total,
    ],
  },
  tanh: {
    "of z": [
      ({ error, z, L }, j) => error[L][j] * (1 - z[L][j] * z[L][j]),
      ({ z }, l, j, total) => (1 - z[l][j] * z[l][j]) * total,
    ],
    "of a": [
      ({ error, a, L }, j) => error[L][j] * (1 - a[L][j] * a[L][j]),
      ({ a }, l, j, total) => (1 - a[l][j] * a[l][j]) * total,
    ],
  },
};

/** BP1 and BP2 of one kind; where sigma' cancels in BP1, there is no place for the mistake, and in a net of one layer BP2 has none. */
const slopes = (BP1, BP2) => net => (cancels(net) ? { BP2 } : { BP1, BP2 });
const one = rules => () => rules;

const NEEDS = {
  hidden: ["a hidden layer", net => last(net) > 1],
  "two hidden": ["two hidden layers", net => last(net) > 2],
  slope: ["a cost with which sigma' does not cancel, such as quadratic", net => !cancels(net)],
  cancels: ["cross-entropy or Poisson's cost, with which sigma' cancels", cancels],
  quadratic: ["the quadratic cost", net => net.cost === "quadratic"],
  difference: [
    "a cost whose slope is a - y: quadratic, cross-entropy or Poisson's",
    net => COSTS[net.cost].slope === COSTS.quadratic.slope,
  ],
  "sigmoid outputs": ["sigmoid outputs with cross-entropy", net => output(net) === "sigmoid" && cancels(net)],
  softmax: ["softmax outputs with cross-entropy", net => output(net) === "softmax"],
  "no softmax": ["outputs other than softmax", net => output(net) !== "softmax"],
  formula: [
    "hidden layers of sigmoid or tanh",
    net => hidden(net) in formulas && (cancels(net) || output(net) in formulas),
  ],
  curved: [
    "an activation whose slope changes, such as sigmoid or tanh",
    net => !["relu", "leaky_relu", "identity", "softmax"].includes(hidden(net)),
  ],
  "two sides": [
    "an activation whose slope is not the same on both sides of 0, such as relu",
    net => !["sigmoid", "tanh", "identity"].includes(hidden(net)),
  ],
  "not straight": ["outputs other than identity", net => output(net) !== "identity"],
  relu: ["relu", net => hidden(net) === "relu"],
  outputs: ["two outputs or more", net => net.sizes[last(net)] > 1],
  "own eta": [
    "an eta below 1 other than 0.5, with which the step looks like a forgotten factor",
    (net, batch, eta) => eta > 0 && eta < 1 && eta !== 0.5,
  ],
  several: ["minibatches of two samples or more", (net, batch) => batch > 1],
  square: ["layers of equal sizes, such as 2-2-2", net => net.sizes.every(size => size === net.sizes[0])],
  "square w": [
    "layers of equal sizes behind the inputs, such as 2-3-3",
    net => net.sizes.slice(1).every(size => size === net.sizes[1]),
  ],
};

/** Name -> the lines of a network (a function of it), and what the network needs so that the mistake can be made. */
const LINES = {
  "w-not-transposed": [
    one({ sum: ({ w, back }, l, j, k, total) => total + w[l + 1][j][k] * back[k] }),
    "hidden",
    "square w",
  ],
  "slope-at-a": [
    slopes(
      ({ error, slope, a, L }, j) => error[L][j] * slope(L, a[L][j]),
      ({ slope, a }, l, j, total) => slope(l, a[l][j]) * total,
    ),
    "curved",
  ],
  "sigma-not-slope": [
    slopes(
      ({ error, a, L }, j) => error[L][j] * a[L][j],
      ({ a }, l, j, total) => a[l][j] * total,
    ),
  ],
  "no-hidden-slope": [one({ BP2: (s, l, j, total) => total }), "hidden"],
  "no-output-slope": [one({ BP1: ({ error, L }, j) => error[L][j] }), "slope"],
  "one-path": [one({ sum: ({ w, back }, l, j, k) => w[l + 1][k][j] * back[k] }), "hidden"],
  "updated-weights": [
    one({
      sum: ({ w, delta, a, eta, back }, l, j, k, total) =>
        total + (w[l + 1][k][j] - eta * delta[l + 1][k] * a[l][j]) * back[k],
    }),
    "hidden",
  ],
  "y-minus-a": [one({ error: ({ a, y, L }, j) => y[j] - a[L][j] }), "difference"],
  "no-half": [one({ error: ({ a, y, L }, j) => 2 * (a[L][j] - y[j]) }), "quadratic"],
  "mean-over-outputs": [one({ error: ({ a, y, L }, j) => (a[L][j] - y[j]) / len(y) }), "difference", "outputs"],
  "extra-slope": [
    net => ({
      BP1:
        output(net) === "softmax"
          ? formulas.sigmoid["of a"][0]
          : ({ error, slope, z, L }, j) => error[L][j] * slope(L, z[L][j]),
    }),
    "cancels",
    "difference",
  ],
  "no-slope": [one({ BP1: ({ error, L }, j) => error[L][j], BP2: (s, l, j, total) => total }), "slope"],
  "formula-at-z": [net => slopes(formulas[output(net)]?.["of z"][0], formulas[hidden(net)]["of z"][1])(net), "formula"],
  "part-of-slope": [
    slopes(
      ({ error, a, L }, j) => error[L][j] * (1 - a[L][j]),
      ({ a }, l, j, total) => (1 - a[l][j]) * total,
    ),
    "formula",
  ],
  "slope-squared": [
    slopes(
      ({ error, slope, z, L }, j) => error[L][j] * slope(L, z[L][j]) * slope(L, z[L][j]),
      ({ slope, z }, l, j, total) => slope(l, z[l][j]) * slope(l, z[l][j]) * total,
    ),
    "curved",
  ],
  "slope-of-wrong-layer": [
    one({
      sum: ({ w, back, slope, z }, l, j, k, total) => total + w[l + 1][k][j] * back[k] * slope(l + 1, z[l + 1][k]),
      BP2: (s, l, j, total) => total,
    }),
    "hidden",
    "no softmax",
    "curved",
  ],
  "slope-of-another": [net => slopes(...formulas[hidden(net) === "sigmoid" ? "tanh" : "sigmoid"]["of a"])(net)],
  "slope-at-zero": [
    slopes(
      ({ error, z, L }, j) => error[L][j] * (z[L][j] >= 0),
      ({ z }, l, j, total) => (z[l][j] >= 0) * total,
    ),
    "relu",
  ],
  "slope-negated": [one({ BP2: ({ slope, z }, l, j, total) => -slope(l, z[l][j]) * total }), "hidden"],
  "slope-divided": [
    slopes(
      ({ error, slope, z, L }, j) => error[L][j] / slope(L, z[L][j]),
      ({ slope, z }, l, j, total) => total / slope(l, z[l][j]),
    ),
    "curved",
    "no softmax",
  ],
  "slope-of-wrong-side": [
    slopes(
      ({ error, slope, z, L }, j) => error[L][j] * slope(L, -z[L][j]),
      ({ slope, z }, l, j, total) => slope(l, -z[l][j]) * total,
    ),
    "two sides",
  ],
  "slope-of-target": [
    net => ({
      BP1:
        output(net) === "tanh"
          ? ({ error, y, L }, j) => error[L][j] * (1 - y[j] * y[j])
          : ({ error, y, L }, j) => error[L][j] * y[j] * (1 - y[j]),
    }),
    "slope",
    "formula",
  ],
  "bias-unit": [
    one({ sum: ({ w, b, back }, l, j, k, total) => total + [...w[l + 1][k], b[l + 1][k]][j + 1] * back[k] }),
    "hidden",
  ],
  "half-left": [one({ error: ({ a, y, L }, j) => (a[L][j] - y[j]) / 2 }), "difference"],
  "one-error": [one({ error: ({ a, y, L }) => sum(a[L]) - sum(y) }), "difference", "outputs"],
  "error-at-z": [one({ error: ({ z, y, L }, j) => z[L][j] - y[j] }), "difference", "not straight"],
  "cost-not-slope": [one({ error: ({ a, y, L }, j) => ((a[L][j] - y[j]) * (a[L][j] - y[j])) / 2 }), "difference"],
  "softmax-diagonal": [one({ error: ({ a, y, L }, j) => -y[j] * (1 - a[L][j]) }), "softmax"],
  "half-cross-entropy": [one({ error: ({ a, y, L }, j) => -y[j] * (1 - a[L][j]) }), "sigmoid outputs"],
  "raw-error": [one({ back: ({ error }, l) => error[l + 1] }), "hidden", "slope"],
  "output-error-everywhere": [one({ back: ({ delta, L }) => delta[L] }), "two hidden", "square w"],
  "sign-lost": [one({ error: ({ a, y, L }, j) => abs(a[L][j] - y[j]) }), "difference"],
  "mean-over-paths": [
    one({ BP2: ({ slope, z, back }, l, j, total) => (slope(l, z[l][j]) * total) / len(back) }),
    "hidden",
  ],
  "own-weights": [one({ sum: ({ w, back }, l, j, k, total) => total + w[l][k][j] * back[k] }), "hidden", "square"],
  "no-weights": [one({ sum: ({ back }, l, j, k, total) => total + back[k] }), "hidden"],
  "product-of-sums": [
    one({ sum: ({ w, back }, l, j, k, total) => total + w[l + 1][k][j] * sum(back) }),
    "hidden",
    "outputs",
  ],
  "error-shared": [
    one({ sum: ({ w, back }, l, j, k, total) => total + (w[l + 1][k][j] / sum(w[l + 1][k])) * back[k] }),
    "hidden",
  ],
  "another-cost": [
    net => ({
      error:
        net.cost === "absolute"
          ? ({ a, y, L }, j) => a[L][j] - y[j]
          : ({ a, y, L }, j) => (a[L][j] > y[j]) * 1 - (a[L][j] < y[j]) * 1,
      BP1: ({ error, slope, z, L }, j) => error[L][j] * slope(L, z[L][j]),
    }),
    "no softmax",
  ],
  "outer-transposed": [one({ rows: ({ a }, l) => a[l - 1], columns: ({ delta }, l) => delta[l] }), "square"],
  "z-not-a": [one({ columns: ({ z }, l) => z[l - 1] }), "hidden"],
  "no-bias": [one({ bias: () => 0 })],
  "no-bias-gradient": [one({ BP3: () => 0 })],
  "sum-not-mean": [
    one({ mean_w: ({ sum_w }, l, j, k) => sum_w[l][j][k], mean_b: ({ sum_b }, l, j) => sum_b[l][j] }),
    "several",
  ],
  "averaged-sample": [one({ averaged: true }), "several"],
  "last-sample": [one({ add: (s, total, g) => g }), "several"],
  accumulated: [one({ keep: true })],
  reshaped: [
    one({ sum: ({ w, back }, l, j, k, total) => total + flat(w[l + 1])[j * len(back) + k] * back[k] }),
    "hidden",
  ],
  "averages-multiplied": [
    one({ mean_w: ({ sum_a, sum_b, n }, l, j, k) => (sum_b[l][j] * sum_a[l - 1][k]) / n / n }),
    "several",
  ],
  "layers-left-out": [one({ lowest: () => 2 }), "hidden"],
  "error-not-delta": [one({ BP3: ({ error }, l, j) => error[l][j], rows: ({ error }, l) => error[l] }), "slope"],
  "own-activation": [one({ BP4: ({ a, rows }, l, j, k) => a[l][k % len(a[l])] * rows[j] })],
  "no-activation": [one({ BP4: ({ rows }, l, j) => rows[j] })],
  "inputs-everywhere": [one({ columns: ({ a }) => a[0] }), "two hidden", "square"],
  "activated-twice": [
    one({ BP4: ({ sigma, rows, columns }, l, j, k) => sigma(l, columns[k]) * rows[j] }),
    "no softmax",
  ],
  "inputs-activated": [one({ input: ({ sigma, x }, k) => sigma(1, x[k]) }), "hidden"],
  "bias-subtracted": [one({ bias: ({ b }, l, j) => -b[l][j] })],
  "w-transposed-forward": [one({ F1: ({ w, a }, l, j, k, z_j) => z_j + w[l][k][j] * a[l - 1][k] }), "square"],
  "softmax-over-samples": [one({ across: true }), "softmax", "several"],
  "bias-from-weights": [one({ BP3: ({ rows, columns }, l, j) => sum(columns) * rows[j] })],
  "bias-summed-over-neurons": [one({ BP3: ({ delta }, l) => sum(delta[l]) })],
  "bias-times-b": [one({ BP3: ({ delta, b }, l, j) => delta[l][j] * b[l][j] })],
  "bias-negated": [one({ BP3: ({ delta }, l, j) => -delta[l][j] })],
  "divided-by-sizes": [one({ BP4: ({ x, rows, columns }, l, j, k) => (columns[k] * rows[j]) / len(x) })],
  "divided-twice": [
    one({
      mean_w: ({ sum_w, n }, l, j, k) => sum_w[l][j][k] / n / n,
      mean_b: ({ sum_b, n }, l, j) => sum_b[l][j] / n / n,
    }),
    "several",
  ],
  "one-sample-less": [
    one({
      mean_w: ({ sum_w, n }, l, j, k) => sum_w[l][j][k] / (n - 1),
      mean_b: ({ sum_b, n }, l, j) => sum_b[l][j] / (n - 1),
    }),
    "several",
  ],
  "divided-in-every-layer": [
    one({
      mean_w: ({ sum_w, n, L }, l, j, k) => sum_w[l][j][k] / n ** (1 + L - l),
      mean_b: ({ sum_b, n, L }, l, j) => sum_b[l][j] / n ** (1 + L - l),
    }),
    "hidden",
    "several",
  ],
  "half-averaged": [one({ mean_b: ({ sum_b }, l, j) => sum_b[l][j] }), "several"],
  "new-weights": [one({ returned: ({ eta }, w, g) => w - eta * g })],
  "step-returned": [one({ returned: ({ eta }, w, g) => eta * g }), "own eta"],
  "penalty-left": [one({ BP4: ({ w, rows, columns }, l, j, k) => columns[k] * rows[j] + 0.1 * w[l][j][k] })],
  "another-activation": [net => ({ other: net.activations.includes("tanh") ? "sigmoid" : "tanh" }), "no softmax"],
};

export const NAMES = Object.keys(LINES);

/** The lines that a mistake changes in this network; those of null none. */
export const changed = (net, name) => (name ? LINES[name][0](net) : {});

/** What the network lacks for this mistake, in words; null where it can be made. */
export function lacks(net, batch, eta, name) {
  const missing = LINES[name]
    .slice(1)
    .map(key => NEEDS[key])
    .find(([, test]) => !test(net, batch, eta));
  return missing ? missing[0] : null;
}

/** All lines with the mistake in them. */
export function rulesOf(net, name) {
  const rules = { ...rightRules(net), ...changed(net, name) };
  if (rules.averaged) rules.samples = averaged;
  if (rules.across) rules.softmax = acrossSamples;
  return rules;
}

/** One sample in the place of several: their mean. */
function averaged(samples) {
  const mean = part =>
    Float64Array.from(samples[0][part], (_, k) => samples.reduce((total, s) => total + s[part][k], 0) / samples.length);
  return [{ index: samples[0].index, x: mean("x"), y: mean("y") }];
}

/** The softmax of one sample's outputs, each divided by the sum over the samples of the minibatch. */
function acrossSamples(pass, l) {
  const all = pass.batch.map(({ x }) => {
    const other = new Pass(pass.net, rightRules(pass.net));
    other.begin(x, x);
    for (let i = 1; i < l; i++) {
      other.F1(i);
      other.F2(i);
    }
    other.F1(l);
    return other.z[l];
  });
  return pass.z[l].map((z_j, j) => {
    const largest = Math.max(...all.map(z => z[j]));
    return exp(z_j - largest) / sum(all.map(z => exp(z[j] - largest)));
  });
}
