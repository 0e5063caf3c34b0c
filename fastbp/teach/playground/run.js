// A training, one equation at a time: where it stands, and what comes next.
import { Pass, Sums, copyParameters } from "./network.js";

/** The steps of one minibatch of n samples: the equation, its layer, and which of the samples. */
export function stepsOf(L, n) {
  const steps = [];
  for (let i = 0; i < n; i++) {
    for (let l = 1; l <= L; l++) steps.push({ equation: "F1", l, i }, { equation: "F2", l, i });
    steps.push({ equation: "C", l: L, i }, { equation: "BP1", l: L, i });
    for (let l = L - 1; l >= 1; l--) steps.push({ equation: "BP2", l, i });
    for (let l = L; l >= 1; l--) steps.push({ equation: "BP3", l, i }, { equation: "BP4", l, i });
  }
  for (let l = 1; l <= L; l++) steps.push({ equation: "U", l, i: n - 1 });
  return steps;
}

/**
 * A training from given parameters: `order` lists the samples of an epoch, minibatches are its slices of `batch`, and every
 * epoch takes the same. `t` counts updates, `at` the steps done in the minibatch under way.
 */
export class Run {
  constructor(net, { X, Y, order, batch, eta, rules }) {
    const own = { ...net, ...copyParameters(net) };
    Object.assign(this, { net: own, X, Y, order, batch, eta, rules, t: 0, at: 0 });
    this.L = net.sizes.length - 1;
    this.first = copyParameters(net);
    this.pass = new Pass(own, rules, eta);
    this.sums = new Sums(own, rules, eta);
    this.perEpoch = Math.ceil(order.length / batch);
    this.prepare();
  }

  /** Samples and steps of the minibatch that comes. */
  prepare() {
    const start = (this.t % this.perEpoch) * this.batch;
    const chosen = this.order.slice(start, start + this.batch);
    this.samples = chosen.map(x => ({ index: x, x: this.X[x], y: this.Y[x] }));
    if (this.rules.samples) this.samples = this.rules.samples(this.samples);
    this.steps = stepsOf(this.L, this.samples.length);
    this.at = 0;
  }

  get next() {
    return this.steps[this.at];
  }

  /** What was done last in this minibatch; null at its beginning. */
  get last() {
    return this.at ? this.steps[this.at - 1] : null;
  }

  /** The sample at work, or the one that comes. */
  get sample() {
    return this.samples[(this.last ?? this.next).i];
  }

  /** One equation. Returns it. */
  step() {
    const { equation, l, i } = this.next,
      { pass, sums } = this;
    if (this.at === 0) {
      pass.batch = this.samples;
      sums.begin(this.samples.length);
    }
    if (equation === "F1" && l === 1) pass.begin(this.samples[i].x, this.samples[i].y);
    if (equation === "C") sums.C += pass.cost();
    else if (equation === "U") sums.U(l);
    else pass[equation](l);
    if (equation === "BP3") sums.addBiases(pass, l);
    if (equation === "BP4") sums.addWeights(pass, l);
    const done = this.next;
    this.at += 1;
    if (this.at === this.steps.length) {
      this.C = sums.C / this.samples.length;
      this.t += 1;
      this.prepare();
    }
    return done;
  }

  /** Steps until `ends` says so of the step that was done, or the minibatch is over. */
  until(ends) {
    const t = this.t;
    let done;
    do done = this.step();
    while (this.t === t && !ends(done, this.next));
    return done;
  }

  minibatch() {
    const t = this.t;
    while (this.t === t) this.step();
  }

  /** Back to the beginning, then to the step `at` of the minibatch after t updates. */
  goTo(t, at = 0) {
    if (t < this.t || (t === this.t && at < this.at)) this.restart();
    while (this.t < t) this.minibatch();
    at = Math.min(at, this.steps.length - 1);
    while (this.at < at) this.step();
  }

  restart() {
    for (let l = 1; l <= this.L; l++) {
      this.first.w[l].forEach((row, j) => this.net.w[l][j].set(row));
      this.net.b[l].set(this.first.b[l]);
    }
    this.t = 0;
    this.pass = new Pass(this.net, this.rules, this.eta);
    this.sums = new Sums(this.net, this.rules, this.eta);
    this.prepare();
  }

  get isFinite() {
    const { w, b } = this.net;
    return w.every((rows, l) => !rows || (b[l].every(Number.isFinite) && rows.every(row => row.every(Number.isFinite))));
  }
}

/** C over all samples with the right equations: the mean of C_x. */
export function totalCost(net, rules, X, Y) {
  const pass = new Pass(net, rules);
  let C = 0;
  for (let x = 0; x < X.length; x++) {
    pass.forward(X[x], Y[x]);
    C += pass.cost();
  }
  return C / X.length;
}
