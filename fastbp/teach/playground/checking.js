// The gradient check: what the equations give beside what nudging each parameter gives; and how the layers fare.
import { Pass, Sums, copyParameters, rightRules } from "./network.js";

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
