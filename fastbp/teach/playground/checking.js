// The gradient check: which equation is wrong, what nudging each parameter gives beside the gradient; how the layers fare.
import { Pass, Sums, copyParameters, rightRules } from "./network.js";
import { abs, flat } from "./mistakes.js";

const NUDGE = 1e-5,
  MOST_NUDGED = 240;

/** The gradient of a minibatch as these lines give it, layer by layer: {w, b} at index l. */
export function gradientOf(net, rules, samples, eta) {
  const pass = new Pass(net, rules, eta),
    sums = new Sums(net, rules, eta);
  const taken = rules.samples ? rules.samples(samples) : samples;
  for (let round = 0; round < (rules.keep ? 2 : 1); round++) {
    sums.begin(taken.length);
    pass.batch = taken;
    for (const { x, y } of taken) {
      pass.forward(x, y);
      pass.cost();
      pass.backward();
      for (let l = pass.L; l >= 1; l--) {
        sums.addBiases(pass, l);
        sums.addWeights(pass, l);
      }
    }
  }
  return net.w.map((_, l) => (l ? sums.returned(l) : null));
}

/** Of each layer: the largest difference between gradient and difference quotient, and the largest quotient. */
export function nudged(net, rules, samples, eta) {
  const own = { ...net, ...copyParameters(net) },
    pass = new Pass(own, rightRules(own));
  const C = () =>
    samples.reduce((total, { x, y }) => {
      pass.forward(x, y);
      return total + pass.cost();
    }, 0) / samples.length;
  const here = C(),
    found = gradientOf(net, rules, samples, eta);
  const places = [];
  for (let l = 1; l < own.w.length; l++) {
    own.w[l].forEach((row, j) => row.forEach((_, k) => places.push([l, row, k, found[l].w[j][k]])));
    own.b[l].forEach((_, j) => places.push([l, own.b[l], j, found[l].b[j]]));
  }
  const every = Math.ceil(places.length / MOST_NUDGED);
  const layers = own.w.map(() => ({ off: 0, largest: 0, corners: 0, tried: 0 }));
  places
    .filter((_, i) => i % every === 0)
    .forEach(([l, row, i, g]) => {
      const old = row[i],
        layer = layers[l];
      row[i] = old + NUDGE;
      const above = C();
      row[i] = old - NUDGE;
      const below = C();
      row[i] = old;
      const quotient = (above - below) / (2 * NUDGE);
      layer.tried += 1;
      if (Math.abs(above - here - (here - below)) > 1e-3 * NUDGE * Math.max(Math.abs(quotient), 1e-3)) {
        layer.corners += 1; // C has a corner here, as relu has at 0: no quotient is its slope
        return;
      }
      layer.largest = Math.max(layer.largest, Math.abs(quotient));
      layer.off = Math.max(layer.off, Number.isFinite(g) ? Math.abs(g - quotient) : Infinity);
    });
  return layers.map(layer => ({ ...layer, wrong: layer.off > 1e-5 * layer.largest + 1e-8 }));
}

/** Of each layer: the mean of |delta| over the samples, and the part of its neurons with sigma' below a hundredth. */
export function layersOf(net, rules, samples) {
  const pass = new Pass(net, rules),
    L = pass.L;
  const layers = net.sizes.map(() => ({ delta: 0, flat: 0 }));
  pass.batch = samples;
  for (const { x, y } of samples) {
    pass.forward(x, y);
    pass.BP1();
    for (let l = L - 1; l >= 1; l--) pass.BP2(l);
    for (let l = 1; l <= L; l++) {
      const J = net.sizes[l] * samples.length;
      for (let j = 0; j < net.sizes[l]; j++) {
        layers[l].delta += Math.abs(pass.delta[l][j]) / J;
        if (net.activations[l] !== "softmax")
          layers[l].flat += Number(Math.abs(pass.slope(l, pass.z[l][j])) < 0.01) / J;
      }
    }
  }
  return layers;
}

const TOLERANCE = 1e-9;
const differ = (one, other) => {
  const size = Math.max(...one.map(abs), ...other.map(abs));
  return one.some((v, i) => !(abs(v - other[i]) <= TOLERANCE * size));
};

/**
 * Which equations are wrong: each is done as the lines say, from what the lines have made so far, and beside it as it is
 * right from the same numbers. A set of labels: F1, F2, BP1, BP2, BP3, BP4, averaging, U.
 */
export function blamed(net, rules, samples, eta) {
  const wrong = new Set(),
    right = rightRules(net),
    L = net.sizes.length - 1;
  const mine = new Pass(net, rules, eta),
    ref = new Pass(net, right, eta),
    sums = new Sums(net, rules, eta),
    fair = new Sums(net, right, eta);
  const compare = (label, one, other) => differ([...one], [...other]) && wrong.add(label);
  const taken = rules.samples ? rules.samples(samples) : samples;
  if (taken.length !== samples.length) wrong.add("averaging");
  for (let round = 0; round < (rules.keep ? 2 : 1); round++) {
    sums.begin(taken.length);
    fair.begin(taken.length);
    mine.batch = taken;
    for (const { x, y } of taken) {
      mine.begin(x, y);
      ref.begin(x, y);
      compare("F2", mine.a[0], ref.a[0]);
      for (let l = 1; l <= L; l++) {
        ref.a[l - 1] = mine.a[l - 1].slice();
        mine.F1(l);
        ref.F1(l);
        compare("F1", mine.z[l], ref.z[l]);
        ref.z[l] = mine.z[l].slice();
        mine.F2(l);
        ref.F2(l);
        compare("F2", mine.a[l], ref.a[l]);
        ref.a[l] = mine.a[l].slice();
      }
      mine.BP1();
      ref.BP1();
      compare("BP1", mine.delta[L], ref.delta[L]);
      ref.delta[L] = mine.delta[L].slice();
      for (let l = L - 1; l >= 1; l--) {
        mine.BP2(l);
        ref.BP2(l);
        compare("BP2", mine.delta[l], ref.delta[l]);
        ref.delta[l] = mine.delta[l].slice();
      }
      for (let l = L; l >= 1; l--) {
        for (const pass of [mine, ref]) {
          pass.BP3(l);
          pass.BP4(l);
        }
        compare("BP3", mine.g_b[l], ref.g_b[l]);
        compare("BP4", flat(mine.g_w[l]), flat(ref.g_w[l]));
        sums.addBiases(mine, l);
        sums.addWeights(mine, l);
        fair.addBiases(mine, l);
        fair.addWeights(mine, l);
      }
    }
  }
  for (let l = 1; l <= L; l++) {
    const made = sums.mean(l),
      meant = fair.mean(l),
      given = sums.returned(l);
    if (differ(flat(made.w), flat(meant.w)) || differ([...made.b], [...meant.b])) wrong.add("averaging");
    if (differ(flat(given.w), flat(made.w)) || differ([...given.b], [...made.b])) wrong.add("U");
  }
  return wrong;
}
