// Numbers, names and formulas as text.

// %.6g, as draw.py prints numbers.
function short(x) {
  if (!Number.isFinite(x)) return x !== x ? "nan" : x < 0 ? "−inf" : "inf";
  if (x === 0) return Object.is(x, -0) ? "−0" : "0";
  const [digits, power] = x.toExponential(5).split("e");
  const e = Number(power);
  const text = e < -4 || e >= 6 ? `${Number(digits)}e${e}` : String(Number(x.toPrecision(6)));
  return text.replaceAll("-", "−");
}

// A number that may not be there yet.
const shortOrNone = (x) => (x === undefined ? "–" : short(x));

// All digits, which any program reads back as the same number.
const exact = (x) => (Object.is(x, -0) ? "-0" : x === Infinity ? "inf" : x === -Infinity ? "-inf" : x !== x ? "nan" : String(x));

// The number that a person has typed; undefined where it is none, or where it may be either of two: a comma is a
// decimal one, except in 1,000, which many would read as a thousand.
function parsed(text) {
  if (mayBeThousands(text)) return undefined;
  const plain = text.trim().toLowerCase().replaceAll("−", "-").replace(",", ".");
  const named = { inf: Infinity, "+inf": Infinity, "-inf": -Infinity, nan: NaN };
  if (Object.hasOwn(named, plain)) return named[plain];
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain) ? Number(plain) : undefined;
}

const mayBeThousands = (text) => /^\s*[+−-]?[1-9]\d{0,2}(,\d{3})+(?!\d)/.test(text);

// What to type instead of a text that is no number.
function advice(text) {
  if (mayBeThousands(text)) return "Is this comma one of thousands or of decimals? Leave it out, or write a point.";
  return "A number, please: 0.25, −3, 1e−6, inf or nan.";
}

// A long text without its middle, as its end tells w[0, 1] from w[0, 2].
function elided(text, most) {
  if (text.length <= most) return text;
  const end = text.match(/(\[[^\]]*\]|\d*)(#\d+)?$/)[0];
  return end.length < most ? text.slice(0, most - 1 - end.length) + "…" + end : `${text.slice(0, most - 1)}…`;
}

// At most six of the terms, the last one included.
function joined(terms, separator) {
  const some = terms.length <= 6 ? terms : [...terms.slice(0, 4), "…", terms[terms.length - 1]];
  return some.join(separator);
}

// A negative number inside a formula stands in parentheses.
const factor = (x) => (x < 0 || Object.is(x, -0) ? `(${short(x)})` : short(x));

const FORMULAS = {
  identity: (a) => a,
  add: (a, b) => `${a} + ${b}`,
  sub: (a, b) => `${a} − ${b}`,
  mul: (a, b) => `${a} × ${b}`,
  div: (a, b) => `${a} ÷ ${b}`,
  neg: (a) => `−${a}`,
  abs: (a) => `|${a}|`,
  pow: (a, b) => `${a} ^ ${b}`,
  square: (a) => `${a}²`,
  reciprocal: (a) => `1 ÷ ${a}`,
  sum: (...terms) => joined(terms, " + "),
  prod: (...terms) => joined(terms, " × "),
  dot: (...terms) => {
    const half = terms.length / 2;
    return joined(terms.slice(0, half).map((term, i) => `${term}·${terms[half + i]}`), " + ");
  },
};

// The operation of a row on some operands, as one writes it.
const formula = ({ name, called }, operands) =>
  Object.hasOwn(FORMULAS, name) ? FORMULAS[name](...operands) : `${called}(${joined(operands, ", ")})`;
