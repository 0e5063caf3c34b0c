// The equations, in the notes' letters: w[l][j][k] leads from neuron k of layer l - 1 to neuron j of layer l; l = 1..L, and
// a[0] is the sample. Sums run in the textbook's order, so that all bits are the textbook's.
import { exp, log } from "./elementary.js";
import { COSTS, PAIRS } from "./functions.js";

/**
 * What is computed for each j, and for each k of a sum. A mistake (mistakes.js) replaces one or two of these lines; the page
 * shows them, and "copy as code" writes them, as they stand here.
 */
export const RIGHT = {
  input: ({ x }, k) => x[k],
  bias: ({ b }, l, j) => b[l][j],
  F1: ({ w, a }, l, j, k, z_j) => z_j + w[l][j][k] * a[l - 1][k],
  F2: ({ sigma, z }, l, j) => sigma(l, z[l][j]),
  error: ({ a, y, L }, j) => a[L][j] - y[j],
  BP1: ({ error, slope, z, L }, j) => error[L][j] * slope(L, z[L][j]),
  lowest: () => 1,
  back: ({ delta }, l) => delta[l + 1],
  sum: ({ w, back }, l, j, k, total) => total + w[l + 1][k][j] * back[k],
  BP2: ({ slope, z }, l, j, total) => slope(l, z[l][j]) * total,
  BP3: ({ delta }, l, j) => delta[l][j],
  rows: ({ delta }, l) => delta[l],
  columns: ({ a }, l) => a[l - 1],
  BP4: ({ rows, columns }, l, j, k) => columns[k] * rows[j],
  add: (s, sum, g) => sum + g,
  mean_w: ({ sum_w, n }, l, j, k) => sum_w[l][j][k] * (1 / n),
  mean_b: ({ sum_b, n }, l, j) => sum_b[l][j] * (1 / n),
  returned: (s, w, g) => g,
  U: ({ eta }, w, g) => w - eta * g,
};

/** The right lines of a network: costs other than a difference have a slope of their own, and sigma' may cancel. */
export function rightRules(net) {
  const { slope, cancels } = COSTS[net.cost];
  const rules = { ...RIGHT };
  if (slope !== COSTS.quadratic.slope) {
    rules.error = ({ cost_slope, z, a, y, L }, j) => cost_slope(z[L][j], a[L][j], y[j]);
  }
  if (cancels) rules.BP1 = ({ error, L }, j) => error[L][j];
  return rules;
}

const vector = n => new Float64Array(n);
const matrix = (J, K) => Array.from({ length: J }, () => vector(K));

/** A network of zeros: activations of layers 1..L, index l. */
export function makeNetwork(sizes, activations, cost, p) {
  const w = [null],
    b = [null];
  for (let l = 1; l < sizes.length; l++) {
    w.push(matrix(sizes[l], sizes[l - 1]));
    b.push(vector(sizes[l]));
  }
  return { sizes, activations: [null, ...activations], cost, p: p ?? COSTS[cost].p ?? 0, w, b };
}

export function copyParameters({ w, b }) {
  return { w: w.map(rows => rows && rows.map(row => row.slice())), b: b.map(row => row && row.slice()) };
}

function softmaxOf(z) {
  let largest = z[0];
  for (let k = 1; k < z.length; k++) largest = z[k] > largest ? z[k] : largest;
  let total = 0;
  for (let k = 0; k < z.length; k++) total += exp(z[k] - largest);
  return z.map(z_j => exp(z_j - largest) / total);
}

/** One sample on its way through a network, forward and back: each method is one equation of one layer. */
export class Pass {
  constructor(net, rules, eta = 0) {
    const { sizes } = net,
      L = sizes.length - 1,
      p = net.p;
    Object.assign(this, { net, rules, eta, L, w: net.w, b: net.b, sizes });
    for (const name of ["a", "z", "error", "delta", "g_b"]) this[name] = sizes.map(vector);
    this.g_w = net.w.map((rows, l) => rows && matrix(sizes[l], sizes[l - 1]));
    const other = rules.other;
    this.pairs = net.activations.map(name => name && (other && name !== "softmax" ? PAIRS[other] : PAIRS[name]));
    this.sigma = (l, z) => this.pairs[l](z)[0];
    this.slope = (l, z) => this.pairs[l](z)[1];
    this.cost_slope = (z, a, y) => COSTS[net.cost].slope(z, a, y, p);
    this.C = NaN;
  }

  /** The sample enters: a^0 = x. */
  begin(x, y) {
    Object.assign(this, { x, y });
    for (let k = 0; k < x.length; k++) this.a[0][k] = this.z[0][k] = this.rules.input(this, k);
  }

  /** F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l */
  F1(l) {
    const { bias, F1 } = this.rules;
    for (let j = 0; j < this.sizes[l]; j++) {
      let z_j = bias(this, l, j);
      for (let k = 0; k < this.sizes[l - 1]; k++) z_j = F1(this, l, j, k, z_j);
      this.z[l][j] = z_j;
    }
  }

  /** F2: a_j^l = sigma(z_j^l) */
  F2(l) {
    if (this.net.activations[l] === "softmax") {
      this.a[l] = this.rules.softmax ? this.rules.softmax(this, l) : softmaxOf(this.z[l]);
      return;
    }
    for (let j = 0; j < this.sizes[l]; j++) this.a[l][j] = this.rules.F2(this, l, j);
  }

  /** C: C_x of this sample; of softmax from z, because a may have rounded to 0 */
  cost() {
    const { L, y, net } = this,
      z = this.z[L],
      a = this.a[L];
    let C = 0;
    if (net.activations[L] === "softmax") {
      let largest = z[0],
        total = 0;
      for (let k = 1; k < z.length; k++) largest = z[k] > largest ? z[k] : largest;
      for (let k = 0; k < z.length; k++) total += exp(z[k] - largest);
      const logTotal = largest + log(total);
      for (let j = 0; j < z.length; j++) C += y[j] * (logTotal - z[j]);
    } else {
      for (let j = 0; j < z.length; j++) C = COSTS[net.cost].term(C, z[j], a[j], y[j], net.p);
    }
    this.C = C;
    return C;
  }

  /** BP1: delta_j^L = dC/da_j^L sigma'(z_j^L) */
  BP1() {
    const { error, BP1 } = this.rules,
      { L } = this;
    for (let l = 1; l < L; l++) this.delta[l].fill(0);
    for (let j = 0; j < this.sizes[L]; j++) {
      this.error[L][j] = error(this, j);
    }
    for (let j = 0; j < this.sizes[L]; j++) this.delta[L][j] = BP1(this, j);
  }

  /** BP2: delta_j^l = sigma'(z_j^l) sum_k w_kj^{l+1} delta_k^{l+1} */
  BP2(l) {
    const { back, sum, BP2, lowest } = this.rules;
    if (l < lowest()) return;
    this.back = back(this, l);
    for (let j = 0; j < this.sizes[l]; j++) {
      let total = 0;
      for (let k = 0; k < this.back.length; k++) total = sum(this, l, j, k, total);
      this.error[l][j] = total;
      this.delta[l][j] = BP2(this, l, j, total);
    }
  }

  /** BP3: dC/db_j^l = delta_j^l */
  BP3(l) {
    this.rows = this.rules.rows(this, l);
    this.columns = this.rules.columns(this, l);
    for (let j = 0; j < this.sizes[l]; j++) this.g_b[l][j] = this.rules.BP3(this, l, j);
  }

  /** BP4: dC/dw_jk^l = a_k^{l-1} delta_j^l */
  BP4(l) {
    const { rows, columns, BP4 } = this.rules;
    this.rows = rows(this, l);
    this.columns = columns(this, l);
    if (this.rows.length !== this.sizes[l] || this.columns.length !== this.sizes[l - 1]) {
      throw new RangeError("the gradient does not have the shape of the weights");
    }
    for (let j = 0; j < this.sizes[l]; j++) {
      for (let k = 0; k < this.sizes[l - 1]; k++) this.g_w[l][j][k] = BP4(this, l, j, k);
    }
  }

  forward(x, y) {
    this.begin(x, y);
    for (let l = 1; l <= this.L; l++) {
      this.F1(l);
      this.F2(l);
    }
    return this.a[this.L];
  }

  backward() {
    this.BP1();
    for (let l = this.L - 1; l >= 1; l--) this.BP2(l);
    for (let l = this.L; l >= 1; l--) {
      this.BP3(l);
      this.BP4(l);
    }
  }
}

/** What a minibatch adds up, and the step: C = mean of C_x, its gradient the mean of the samples'. */
export class Sums {
  constructor(net, rules, eta) {
    Object.assign(this, { net, rules, eta, L: net.sizes.length - 1 });
    this.sum_w = net.w.map((rows, l) => rows && matrix(net.sizes[l], net.sizes[l - 1]));
    this.sum_b = net.b.map(row => row && vector(row.length));
    this.sum_a = net.sizes.map(vector);
    this.begin(1);
  }

  begin(n) {
    this.n = n;
    this.C = 0;
    if (this.rules.keep) return; // a mistake: the sums of the minibatch before are still there
    for (let l = 1; l <= this.L; l++) {
      for (const row of this.sum_w[l]) row.fill(0);
      this.sum_b[l].fill(0);
    }
    for (const row of this.sum_a) row.fill(0);
  }

  addBiases(pass, l) {
    const { add } = this.rules;
    for (let j = 0; j < this.sum_b[l].length; j++) this.sum_b[l][j] = add(this, this.sum_b[l][j], pass.g_b[l][j]);
  }

  addWeights(pass, l) {
    const { add } = this.rules,
      K = this.net.sizes[l - 1];
    for (let k = 0; k < K; k++) this.sum_a[l - 1][k] += pass.a[l - 1][k];
    for (let j = 0; j < this.sum_w[l].length; j++) {
      const row = this.sum_w[l][j],
        g = pass.g_w[l][j];
      for (let k = 0; k < K; k++) row[k] = add(this, row[k], g[k]);
    }
  }

  /** The gradient of layer l: the sums times 1 / n. */
  mean(l) {
    const { mean_w, mean_b } = this.rules;
    return {
      w: this.sum_w[l].map((row, j) => row.map((_, k) => mean_w(this, l, j, k))),
      b: this.sum_b[l].map((_, j) => mean_b(this, l, j)),
    };
  }

  /** What backpropagation hands to the update: the gradient, unless a mistake makes it something else. */
  returned(l) {
    const g = this.mean(l),
      w = this.net.w[l],
      b = this.net.b[l],
      { returned } = this.rules;
    return {
      w: g.w.map((row, j) => row.map((v, k) => returned(this, w[j][k], v))),
      b: g.b.map((v, j) => returned(this, b[j], v)),
    };
  }

  /** U: w <- w - eta g */
  U(l) {
    const g = this.returned(l),
      { U } = this.rules;
    const w = this.net.w[l],
      b = this.net.b[l];
    for (let j = 0; j < w.length; j++) {
      for (let k = 0; k < w[j].length; k++) w[j][k] = U(this, w[j][k], g.w[j][k]);
      b[j] = U(this, b[j], g.b[j]);
    }
  }
}
