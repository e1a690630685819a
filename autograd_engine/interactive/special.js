// What the Math of JavaScript lacks, by the rules of C99. NaN in gives NaN out. A page gets the paragraphs that it needs,
// each of which mentions only those above it.

const isNegative = (x) => x < 0 || Object.is(x, -0);

const sign = (x) => (x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : NaN);

const copysign = (x, y) => (y !== y ? NaN : isNegative(y) ? -Math.abs(x) : Math.abs(x));

const maximum = (x, y) => (x > y || x !== x ? x : y);

const minimum = (x, y) => (x < y || x !== x ? x : y);

const where = (condition, x, y) => (Number(condition) !== 0 ? x : y); // NaN is no zero

const sum = (...xs) => (xs.length ? xs.reduce((total, x) => total + x) : 0);

const prod = (...xs) => (xs.length ? xs.reduce((total, x) => total * x) : 1);

function dot(...xys) {
  const half = xys.length / 2;
  let total = -0; // what changes no number when it is added
  for (let i = 0; i < half; i++) total += xys[i] * xys[half + i];
  return half ? total : 0;
}

// The nearest integer, the even one at a tie: above 2**52 doubles have no fraction, and adding rounds to even.
const roundToEven = (x) => (Math.abs(x) < 2 ** 52 ? copysign(Math.abs(x) + 2 ** 52 - 2 ** 52, x) : x);

// Math.pow is not C's where the base is 1 or -1 and the exponent infinite or NaN.
const pow = (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y));

// exp(-x*x), of x in its 20 leading binary places, whose square is exact for |x| < 64, and the rest.
function gaussian(x) {
  const high = roundToEven(x * 2 ** 20) / 2 ** 20;
  return Math.exp(-high * high) * Math.exp((high - x) * (high + x));
}

// Where erf leaves its series (Abramowitz and Stegun 7.1.6) for the continued fraction of erfc (7.1.14).
const TAIL = 1.5;

function erfSeries(x) {
  let term = (2 / Math.sqrt(Math.PI)) * gaussian(x) * x;
  let total = term;
  for (let n = 1; n < 60; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return total;
}

function erfcFraction(x) {
  if (x > 28) return 0;
  let tail = x;
  for (let k = 120; k > 0; k--) tail = x + k / 2 / tail;
  return gaussian(x) / Math.sqrt(Math.PI) / tail;
}

function erf(x) {
  if (!(Math.abs(x) >= TAIL)) return erfSeries(x);
  return x > 0 ? 1 - erfcFraction(x) : erfcFraction(-x) - 1;
}

function erfc(x) {
  if (!(Math.abs(x) >= TAIL)) return 1 - erfSeries(x);
  return x > 0 ? erfcFraction(x) : 2 - erfcFraction(-x);
}
