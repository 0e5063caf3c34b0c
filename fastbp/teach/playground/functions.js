// Every activation and every cost: fastbp/functions/activations.py and costs.py, operation by operation.
import { exp, expm1, logOfPositive, normalTail, softplusOf } from "./elementary.js";

const FAR = 1600; // a |z| beyond which nothing changes
const BELL = 0.3989422804014327; // 1 / sqrt(2 pi)
const within = z => (z < -FAR ? -FAR : z > FAR ? FAR : z);

/** Name -> z -> [a, sigma'(z)]; softmax, which is no function of one z, is in network.js. */
export const PAIRS = {
  sigmoid(z) {
    const t = exp(-Math.abs(z)),
      q = 1 / (1 + t),
      p = t * q;
    return [z >= 0 ? q : p, p * q];
  },
  tanh(z) {
    const [minus, t] = expm1(-2 * Math.abs(z)),
      q = 1 / (1 + t),
      a = -minus * q;
    return [z >= 0 ? a : -a, 4 * (t * q) * q];
  },
  relu: z => [z <= 0 ? 0 : z, z > 0 ? 1 : 0],
  leaky_relu: z => [z <= 0 ? 0.01 * z : z, z > 0 ? 1 : 0.01],
  softplus(z) {
    const t = exp(-Math.abs(z)),
      q = 1 / (1 + t);
    return [softplusOf(z), z >= 0 ? q : t * q];
  },
  silu(z) {
    const near = within(z),
      t = exp(-Math.abs(z)),
      q = 1 / (1 + t),
      p = t * q;
    const [s, rest] = z >= 0 ? [q, p] : [p, q];
    return [(z <= 0 ? near : z) * s, s + near * (s * rest)];
  },
  gelu(z) {
    const near = within(z),
      [tail, bell] = normalTail(Math.abs(near));
    const phi = z <= 0 ? tail : 1 - tail;
    return [(z <= 0 ? near : z) * phi, phi + near * (BELL * bell)];
  },
  mish(z) {
    const near = within(z),
      t = exp(-Math.abs(z)),
      [u, v] = z >= 0 ? [t, 1] : [1, t];
    const n = v * (v + 2 * u),
      rest = 2 * (u * u),
      q = 1 / (n + rest);
    const m = n * q,
      slope = 2 * (rest * q) * (v * (1 + t) * q);
    return [(z <= 0 ? near : z) * m, m + near * slope];
  },
  identity: z => [z, 1],
  exp(z) {
    const a = exp(z);
    return [a, a];
  },
};

export const ACTIVATIONS = [...Object.keys(PAIRS), "softmax"];

/** Name -> the least and the largest output. */
export const RANGES = {
  sigmoid: [0, 1],
  tanh: [-1, 1],
  relu: [0, Infinity],
  leaky_relu: [-Infinity, Infinity],
  softplus: [0, Infinity],
  silu: [-0.27846454, Infinity],
  gelu: [-0.16997121, Infinity],
  mish: [-0.30884342, Infinity],
  identity: [-Infinity, Infinity],
  exp: [0, Infinity],
  softmax: [0, 1],
};
const REACH = 1e-06; // as far as rounding may take targets beyond these

const excess = (z, a, y) => a - y;

function poisson(C, z, a, y) {
  C += a - y;
  if (y !== 0) C += y * (logOfPositive(y) - z);
  return C;
}

/**
 * Name -> term (C, z_j, a_j, y_j, p) -> C with what output j adds; slope (z_j, a_j, y_j, p) -> dC/da_j, or delta_j where
 * sigma' cancels; the outputs that it goes with, null for all but softmax; p's default; the lowest target.
 */
export const COSTS = {
  quadratic: {
    term(C, z, a, y) {
      const e = a - y;
      return C + 0.5 * (e * e);
    },
    slope: excess,
    outputs: null,
  },
  cross_entropy: {
    term: (C, z, a, y) => C + (softplusOf(z) - y * z),
    slope: excess,
    outputs: ["sigmoid", "softmax"],
    cancels: true,
  },
  poisson: { term: poisson, slope: excess, outputs: ["exp"], cancels: true, lowest: 0 },
  absolute: {
    term: (C, z, a, y) => C + Math.abs(a - y),
    slope: (z, a, y) => (a > y ? 1 : a < y ? -1 : 0),
    outputs: null,
  },
  huber: {
    term(C, z, a, y, p) {
      const distance = Math.abs(a - y);
      return C + (distance <= p ? 0.5 * (distance * distance) : p * (distance - 0.5 * p));
    },
    slope(z, a, y, p) {
      const e = a - y;
      return e > p ? p : e < -p ? -p : e;
    },
    outputs: null,
    p: 1.35,
    above: 0,
  },
  quantile: {
    term: (C, z, a, y, p) => C + (y > a ? p * (y - a) : (1 - p) * (a - y)),
    slope: (z, a, y, p) => (a > y ? 1 - p : a < y ? -p : 0),
    outputs: null,
    p: 0.5,
    above: 0,
    below: 1,
  },
  tweedie: {
    term(C, z, a, y, p) {
      if (p === 1) return poisson(C, z, a, y);
      if (p === 2) return C + (z - logOfPositive(y) + y * exp(-z) - 1);
      const q = 1 - p;
      C += (y !== 0 ? exp((q + 1) * logOfPositive(y)) : 0) / (q * (q + 1));
      return C + (exp((q + 1) * z) / (q + 1) - (y * exp(q * z)) / q);
    },
    slope(z, a, y, p) {
      const q = 1 - p;
      return exp((q + 1) * z) - y * exp(q * z);
    },
    outputs: ["exp"],
    cancels: true,
    p: 1.5,
    from: 1,
    lowest: 0,
  },
};

/** Whether outputs of this activation are legal with this cost. */
export function goesWith(cost, output) {
  const { outputs } = COSTS[cost];
  return outputs === null ? output !== "softmax" : outputs.includes(output);
}

/** Why fastbp refuses these targets, or null: outputs do not reach them, or the cost does not take them. */
export function refusalOf({ cost, p, activations }, Y) {
  const output = activations.at(-1),
    [low, high] = RANGES[output],
    { lowest = -Infinity } = COSTS[cost];
  const excluded = cost === "tweedie" && p >= 2;
  for (let x = 0; x < Y.length; x++) {
    const beyond = Y[x].find(y => y < low - REACH || y > high + REACH);
    if (beyond !== undefined) return `Sample ${x} has the target ${beyond}, which ${output} outputs cannot reach.`;
    const total = Y[x].reduce((sum, y) => sum + y, 0);
    if (output === "softmax" && Math.abs(total - 1) > REACH)
      return `The targets of sample ${x} add up to ${total}; softmax outputs add up to 1.`;
    const below = Y[x].find(y => y < lowest || (excluded && y === lowest));
    if (below !== undefined) return `Sample ${x} has the target ${below}; ${cost} takes targets ${excluded ? "above" : "from"} 0.`;
  }
  return null;
}
