// What the page is set to, as an object and as an address. Everything follows from it: the network before the first step, the
// samples and their order, and where the training stands.
import { ACTIVATIONS, COSTS, goesWith } from "./functions.js";
import { DATA } from "./data.js";
import { makeNetwork } from "./network.js";
import { NAMES } from "./mistakes.js";

export const MOST_NEURONS = 64,
  MOST_LAYERS = 8,
  LARGEST_SCALE = 1e6,
  LARGEST_ETA = 1e150;

/** The settings of a data set, before anything is changed. `given` is what fastbp put into this page, or null. */
export function initial(name, given) {
  const own = name === "given";
  const {
    sizes,
    activations,
    cost = "quadratic",
    eta,
    batch,
    seed = 1,
    look = 0,
    order = null,
    w,
  } = own ? given : DATA[name];
  return {
    data: name,
    sizes: [...sizes],
    activations: [...activations],
    cost,
    p: (own ? given.p : COSTS[cost].p) ?? null,
    eta,
    batch,
    seed,
    scale: 1,
    base: w ? "given" : "drawn",
    full: "",
    w: {},
    b: {},
    x: {},
    y: {},
    order,
    bug: null,
    t: 0,
    at: 0,
    look,
    l: Math.max(1, sizes.length - 2),
    j: 0,
    equation: null,
  };
}

/** Random whole numbers below 2^32, the same in every browser. */
export function randomNumbers(seed) {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** About a standard normal number: twelve uniform ones added up, so that no browser's logarithm decides its digits. */
function normal(next) {
  let total = -6;
  for (let i = 0; i < 12; i++) total += next() / 4294967296;
  return total;
}

const changedAt = (state, name, key, v) => state[name][key] ?? v;

/** The network before the first step: weights drawn as N(0, scale^2 / K) and rounded, or given; then what was edited. */
export function networkOf(state, given) {
  const net = makeNetwork(state.sizes, state.activations, state.cost, state.p ?? undefined);
  const next = randomNumbers(state.seed),
    L = state.sizes.length - 1;
  const full = state.base === "full" ? unpacked(state.full) : null,
    fixed = state.data === "given" ? given : DATA[state.data];
  let i = 0;
  for (let l = 1; l <= L; l++) {
    const K = state.sizes[l - 1],
      parts = 10 ** (K > 20 ? 3 : 2),
      size = state.scale / Math.sqrt(K);
    const drawn = () => Math.round(size * normal(next) * parts) / parts + 0;
    net.w[l].forEach((row, j) =>
      row.forEach((_, k) => {
        const v = full ? full[i++] : state.base === "given" ? fixed.w[l - 1][j][k] : drawn();
        row[k] = changedAt(state, "w", `${l}.${j}.${k}`, v);
      }),
    );
    net.b[l].forEach((_, j) => {
      const v = full ? full[i++] : state.base === "given" ? fixed.b[l - 1][j] : drawn();
      net.b[l][j] = changedAt(state, "b", `${l}.${j}`, v);
    });
  }
  return net;
}

/** X and Y: rows of float64. */
export function samplesOf(state, given) {
  const pairs = state.data === "given" ? given.X.map((x, i) => [x, given.Y[i]]) : DATA[state.data].pairs;
  const row = (name, i, values) => Float64Array.from(values, (v, k) => changedAt(state, name, `${i}.${k}`, v));
  return { X: pairs.map(([x], i) => row("x", i, x)), Y: pairs.map(([, y], i) => row("y", i, y)) };
}

export const countOf = (state, given) => (state.data === "given" ? given.X.length : DATA[state.data].pairs.length);

export const orderOf = (state, n) => state.order ?? Array.from({ length: n }, (_, x) => x);

/** All parameters, as text: eight bytes each, little end first. */
export function packed(net) {
  const numbers = [];
  for (let l = 1; l < net.w.length; l++) numbers.push(...net.w[l].flatMap(row => [...row]), ...net.b[l]);
  const view = new DataView(new ArrayBuffer(8 * numbers.length));
  numbers.forEach((v, i) => view.setFloat64(8 * i, v, true));
  let text = "";
  for (let i = 0; i < view.byteLength; i++) text += String.fromCharCode(view.getUint8(i));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function unpacked(text) {
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const view = new DataView(new ArrayBuffer(bytes.length));
  for (let i = 0; i < bytes.length; i++) view.setUint8(i, bytes.charCodeAt(i));
  return Float64Array.from({ length: bytes.length >> 3 }, (_, i) => view.getFloat64(8 * i, true));
}

/** Shortest digits that are this number, -0 included. */
export const written = v => (Object.is(v, -0) ? "-0" : String(v));

const EDITS = ["w", "b", "x", "y"];

/** The address of a state: what follows the #. */
export function encode(state) {
  const out = new URLSearchParams({
    data: state.data,
    net: state.sizes.join("-"),
    act: state.activations.join("-"),
    cost: state.cost,
  });
  if (state.p !== null) out.set("p", written(state.p));
  if (state.base === "drawn") out.set("seed", `${state.seed}`);
  if (state.base === "drawn" && state.scale !== 1) out.set("scale", written(state.scale));
  if (state.base === "full") out.set("all", state.full);
  for (const name of EDITS) {
    const edits = Object.entries(state[name]);
    if (edits.length) out.set(name, edits.map(([key, v]) => `${key}:${written(v)}`).join(","));
  }
  if (state.order) out.set("order", state.order.join("."));
  else if (DATA[state.data]?.order) out.set("order", "all");
  out.set("batch", `${state.batch}`);
  out.set("eta", written(state.eta));
  if (state.bug) out.set("mistake", state.bug);
  out.set("step", `${state.t}.${state.at}`);
  out.set("look", `${state.look}.${state.l}.${state.j}`);
  if (state.equation) out.set("eq", state.equation);
  return out.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
}

const whole = (text, low, high, otherwise) => {
  const v = Number(text);
  return text !== null && text !== "" && Number.isInteger(v) && v >= low && v <= high ? v : otherwise;
};
const real = (text, otherwise) =>
  text !== null && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : otherwise;

/** Whether activations and cost go together. */
export function isLegal({ sizes, activations, cost }) {
  const L = sizes.length - 1;
  return (
    activations.length === L &&
    activations.every((name, i) => ACTIVATIONS.includes(name) && (name !== "softmax" || i === L - 1)) &&
    Object.hasOwn(COSTS, cost) &&
    goesWith(cost, activations[L - 1])
  );
}

/** Whether a cost takes this number as its parameter. */
export function isParameter(cost, p) {
  const { p: usual, from = -Infinity, above = -Infinity, below = Infinity } = COSTS[cost];
  return usual !== undefined && p >= from && p > above && p < below;
}

/** Whether an edit's key is that of a number: l.j.k of w, l.j of b, sample and index of x and y. */
function isThere({ sizes }, n, name, key) {
  if (!/^\d+(\.\d+)+$/.test(key)) return false;
  const [i, j, k, more] = key.split(".").map(Number),
    L = sizes.length - 1;
  if (name === "w") return i >= 1 && i <= L && j < sizes[i] && k < sizes[i - 1] && more === undefined;
  if (k !== undefined) return false;
  if (name === "b") return i >= 1 && i <= L && j < sizes[i];
  return i < n && j < (name === "x" ? sizes[0] : sizes[L]);
}

/** The state of an address; what it does not say, or says wrongly, is as at the beginning. */
export function decode(text, given) {
  const found = new URLSearchParams(text);
  const wanted = found.get("data");
  const state = initial(Object.hasOwn(DATA, wanted) || (wanted === "given" && given) ? wanted : given ? "given" : "xor", given);
  const n = countOf(state, given),
    ends = [state.sizes[0], state.sizes.at(-1)];
  const sizes = found.has("net")
    ? found
        .get("net")
        .split("-")
        .map(part => whole(part, 1, 4096, 0))
    : state.sizes;
  const named = {
    sizes,
    activations: found.get("act")?.split("-") ?? state.activations,
    cost: found.get("cost") ?? state.cost,
  };
  const fits =
    sizes.length >= 2 &&
    sizes.every(size => size >= 1) &&
    sizes.length <= MOST_LAYERS + 1 &&
    sizes.slice(1, -1).every(size => size <= MOST_NEURONS) &&
    sizes[0] === ends[0] &&
    sizes.at(-1) === ends[1];
  const kept = String(sizes) === String(state.sizes);
  if ((kept || fits) && isLegal(named)) {
    const p = real(found.get("p"), NaN);
    Object.assign(state, named, { p: isParameter(named.cost, p) ? p : (COSTS[named.cost].p ?? null) });
    if (!kept && state.base === "given") state.base = "drawn";
  }
  if (found.has("seed"))
    Object.assign(state, { base: "drawn", seed: whole(found.get("seed"), 0, 4294967295, state.seed) });
  const scale = real(found.get("scale"), 1);
  if (scale >= 0 && scale <= LARGEST_SCALE) state.scale = scale;
  const count = state.sizes.slice(1).reduce((total, J, i) => total + J * (state.sizes[i] + 1), 0);
  const all = found.get("all") ?? "";
  if (/^[\w-]+$/.test(all) && Math.floor((all.length * 3) / 4) === 8 * count)
    Object.assign(state, { base: "full", full: all });
  for (const name of EDITS) {
    for (const part of (found.get(name) ?? "").split(",")) {
      const [key, v] = part.split(":");
      if (isThere(state, n, name, key) && real(v ?? null, null) !== null) state[name][key] = Number(v);
    }
  }
  const order = (found.get("order") ?? "").split(".").map(part => whole(part, 0, n - 1, -1));
  if (found.get("order") === "all") state.order = null;
  else if (found.has("order") && order.every(x => x >= 0)) state.order = order;
  const length = orderOf(state, n).length;
  state.batch = Math.min(whole(found.get("batch"), 1, 1e6, state.batch), length);
  const eta = real(found.get("eta"), 0);
  if (eta > 0 && eta <= LARGEST_ETA) state.eta = eta;
  state.bug = NAMES.includes(found.get("mistake")) ? found.get("mistake") : null;
  const [t, at] = (found.get("step") ?? "").split(".");
  state.t = whole(t ?? null, 0, 1e6, 0);
  state.at = whole(at ?? null, 0, 1e6, 0);
  const [look, l, j] = (found.get("look") ?? "").split(".");
  state.look = whole(look ?? null, 0, n - 1, state.look);
  state.l = whole(l ?? null, 0, state.sizes.length - 1, Math.max(1, state.sizes.length - 2));
  state.j = whole(j ?? null, 0, state.sizes[state.l] - 1, 0);
  state.equation = ["F1", "F2", "C", "BP1", "BP2", "BP3", "BP4", "U"].includes(found.get("eq"))
    ? found.get("eq")
    : null;
  return state;
}
