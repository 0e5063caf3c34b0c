// exp, log and their kin: fastbp/functions/elementary.py, operation by operation, in float64 and without fused
// multiply-add. Browsers differ in Math.exp, Math.log and Math.tanh; these give the same bits everywhere, and those of fastbp
// as plain Python (FASTBP_DISABLE_JIT=1).

// Coefficients, highest power first: of (e^r - 1) / r in r,
const EXPM1 = [
  2.5105206475334834e-8, 2.7626357373278975e-7, 2.75572554255029e-6, 2.4801504346680997e-5, 0.00019841269874800683,
  0.0013888888932488848, 0.008333333333326141, 0.04166666666657314, 0.1666666666666667, 0.5000000000000006, 1.0,
];
// of 2 atanh(s) / s in s^2,
const LOG1P = [
  0.1607256613467827, 0.0578540899766765, 0.10098185468634059, 0.10454947515530863, 0.11770618555248309,
  0.13332999520385172, 0.15384628221264643, 0.18181817852181228, 0.22222222227641733, 0.2857142857137565,
  0.4000000000000027, 0.6666666666666666, 2.0,
];
// and of (x + 4) e^{x^2/2} times the tail of the normal law beyond x, in (x - 4) / (x + 4): even powers and odd ones.
const EVEN_TAIL = [
  -1.6858481937283894e-9, 1.605194251428513e-8, -7.874694430471419e-8, 2.646845612647108e-7, -6.249141680900715e-7,
  7.145802592193128e-7, -1.9076685133202153e-6, 0.00013334420755153713, -0.0034796923564507777, 0.06039657489034808,
  0.3871374007422269, 0.7552851304157514,
];
const ODD_TAIL = [
  -1.4936479510010984e-10, -4.177483852404356e-10, 1.741912517945244e-8, -1.5916439391794094e-7, 1.024236898856534e-6,
  -5.921289422115026e-6, 3.514498813160344e-5, -0.00023109498674854848, 0.0016308184627789688, -0.007540188966996623,
  -0.18652185795965176, -0.6078966419718921,
];
const LOWEST = -709.2,
  HIGHEST = 710.0; // where e^x is 0, and infinite
const LN2_HIGH = 0.6931471803691238,
  LN2_LOW = 1.9082149292705877e-10; // the first part has few digits
const PER_LN2 = 1.4426950408889634;
const ROUNDING = 6755399441055744.0; // its sum with y has the nearest whole number to y in its lowest digits

const word = new DataView(new ArrayBuffer(8));

function horner(coefficients, x) {
  let p = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) p = p * x + coefficients[i];
  return p;
}

/** 2^n from the sum t of n and the rounding number, whose own bits the shift drops. */
function power(t) {
  word.setFloat64(0, t);
  const n = word.getInt32(4);
  word.setInt32(0, ((n << 20) + 0x3ff00000) | 0);
  word.setInt32(4, 0);
  return word.getFloat64(0);
}

/** [e^r - 1, t] with x = n ln 2 + r, n the nearest whole number, and t its sum with the rounding number. */
function reduced(x) {
  x = x < LOWEST ? LOWEST : x;
  x = x > HIGHEST ? HIGHEST : x;
  const t = x * PER_LN2 + ROUNDING;
  const n = t - ROUNDING;
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  return [r * horner(EXPM1, r), t];
}

/** e^x; NaN stays NaN. */
export function exp(x) {
  const [e, t] = reduced(x);
  return (1 + e) * power(t);
}

/** [e^x - 1, e^x] for x <= 0. */
export function expm1(x) {
  const [e, t] = reduced(x);
  const p = power(t);
  return [p * e + (p - 1), p * e + p];
}

/** ln(1 + t) for 0 <= t <= 1. */
export function log1p(t) {
  const s = t / (2 + t);
  return s * horner(LOG1P, s * s);
}

/** ln x for finite x >= 1. */
export function log(x) {
  word.setFloat64(0, x);
  const high = word.getInt32(0);
  const n = (high >> 20) - 1023;
  word.setInt32(0, (high & 0x000fffff) | 0x3ff00000);
  const m = word.getFloat64(0);
  const value = n * LN2_HIGH + (n * LN2_LOW + log1p(m - 1));
  return x === x ? value : x;
}

/** ln x for any finite x > 0; NaN below. */
export function logOfPositive(x) {
  if (x >= 1) return log(x);
  return x > 0 ? -log(1 / x) : NaN;
}

/** ln(1 + e^z). */
export function softplusOf(z) {
  const t = exp(-Math.abs(z));
  return (z <= 0 ? 0 : z) + log1p(t);
}

/** Probability of the normal law beyond x >= 0, and e^{-x^2/2}. */
export function normalTail(x) {
  const bell = exp(-0.5 * (x * x));
  const beyond = x + 4;
  const u = (x - 4) / beyond;
  const even = horner(EVEN_TAIL, u * u),
    odd = horner(ODD_TAIL, u * u);
  return [bell * ((even + u * odd) / beyond), bell];
}
