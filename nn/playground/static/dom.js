// Small helpers for the page. Texts go in as text, never as HTML: labels and messages may hold anything.

export const byId = (id) => document.getElementById(id);

/** A new element with attributes (functions are event listeners) and children, elements or texts. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Writes a text only where it is another one: that is cheaper than a layout. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows formulas as the server sets them, in MathML; it has made text of whatever came from outside. */
export function show(node, html) {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  renewChildren(node, document.importNode(body, true));
}

/** Makes an element like a fresh one by changing only what is different: all of it anew would be a new layout and paint. */
export function renew(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
  for (const { name } of [...old.attributes ?? []]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const attribute of fresh.attributes ?? []) if (old.getAttribute(attribute.name) !== attribute.value) old.setAttributeNode(attribute.cloneNode());
  return renewChildren(old, fresh);
}

function renewChildren(old, fresh) {
  const children = [...fresh.childNodes];
  if (old.childNodes.length !== children.length) return old.replaceChildren(...children);
  return [...old.childNodes].forEach((child, i) => renew(child, children[i]));
}

export const percent = (share) => (Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)} %`);

const NONE = "–", LEAST_POWER = -4, MOST_POWER = 6;

/**
 * A number for people: `digits` significant digits, a true minus sign, a dash for what is none. Very small and very
 * large ones have an exponent where Python's %.6g gives them one, since its numbers stand beside these.
 */
export function format(number, digits = 4) {
  if (number === null || Number.isNaN(number)) return NONE;
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  return typeset(plain(number, digits));
}

/** The same of a finite number, as a program reads it: that is what a field wants. */
export function plain(number, digits) {
  const [mantissa, exponent] = number.toExponential(digits - 1).split("e"), power = Number(exponent);
  if (LEAST_POWER <= power && power < MOST_POWER) return String(Number(number.toPrecision(digits)));
  return `${Number(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** A text with true minus signs. */
export const typeset = (text) => text.replaceAll("-", "−");

const NAME = /(?<![\p{L}\p{N}_.])(\p{L})(\d+)(?:\[([\d,]+)\])?(?![\p{L}\d_[])/gu;

/** A name as it is in formulas: a1[2] is a₁,₂. What has spaces is no such name, but a column's of one's own. */
export function indexed(name) {
  if (/\s/.test(name)) return name;
  return name.replace(NAME, (_, letter, ...[layer, place]) => letter + [layer, place].filter(Boolean).join().replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]));
}

/** The canvas's drawing context, at the resolution of the screen, with the size in CSS pixels. */
export function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
