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

/** A number for people: `digits` significant digits, a true minus sign, and words for what is none. */
export function format(number, digits = 4) {
  if (number === null || Number.isNaN(number)) return "not a number";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  return `${Number(number.toPrecision(digits))}`.replace("-", "−");
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
