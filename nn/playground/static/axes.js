// Axes of a chart on a canvas: round numbers at their ticks, in the size and the colours of the page's text.

import { styled } from "./colors.js";
import { typeset } from "./dom.js";

const STEPS = [1, 2, 5, 10]; // times a power of ten, between two ticks
const TICK = 4, SMALL = 0.8; // pixels; of the text

/** Round numbers from low to high, about so many. */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough)), steps = STEPS.map((s) => s * power);
  const wide = steps.find((step) => step >= rough * 0.999), step = wide <= high - low ? wide : steps[steps.indexOf(wide) - 1]; // one number alone is no scale
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const UNITS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A round number, as short as it can be. */
export function short(number) {
  if (number === 0) return "0";
  const [size, unit] = UNITS.find(([size]) => Math.abs(number) >= size) ?? [1, ""];
  const text = Math.abs(number) < 1e-3 ? number.toExponential(0) : String(Number((number / size).toPrecision(3)));
  return typeset(text + unit);
}

/** The size of small text in pixels. */
export const textSize = (canvas) => SMALL * parseFloat(getComputedStyle(canvas).fontSize);

/** The margins of a chart whose axes have labels; `right` is what has to be free beside it. */
export function frameOf({ width, height }, size, right = size) {
  return { left: 3.6 * size, right: width - right, top: 1.5 * size, bottom: height - 3 * size };
}

/** Draws both axes of a chart with their names; returns the places {x, y} of numbers. */
export function drawAxes(context, box, [x0, x1], [y0, y1], names, size) {
  const { left, right, top, bottom } = box;
  const x = (number) => left + ((number - x0) / (x1 - x0 || 1)) * (right - left);
  const y = (number) => bottom - ((number - y0) / (y1 - y0 || 1)) * (bottom - top);
  context.font = `${size}px system-ui, sans-serif`;
  context.fillStyle = styled("--quiet");
  context.strokeStyle = styled("--border");
  context.lineWidth = 1;
  context.setLineDash([]);
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const tick of ticks(x0, x1, Math.max(2, Math.floor((right - left) / (5 * size))))) {
    context.moveTo(x(tick), bottom);
    context.lineTo(x(tick), bottom + TICK);
    context.fillText(short(tick), x(tick), bottom + TICK + 1);
  }
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of ticks(y0, y1, Math.max(2, Math.floor((bottom - top) / (2.4 * size))))) {
    context.moveTo(left - TICK, y(tick));
    context.lineTo(left, y(tick));
    context.fillText(short(tick), left - TICK - 2, y(tick));
  }
  context.stroke();
  context.textBaseline = "alphabetic";
  context.fillText(names[0], right, bottom + TICK + 2.2 * size);
  context.textAlign = "left";
  context.fillText(names[1], 2, top - 0.5 * size);
  return { x, y };
}
