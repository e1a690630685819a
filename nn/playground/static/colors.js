// The colours of numbers from -1 to 1: orange to blue, which the colour-blind tell apart, with the paper's colour for 0.

// A point is `by` so much nearer to the channels `strong`: black, or white.
const LIGHT = { negative: [213, 102, 0], zero: [250, 250, 248], positive: [0, 105, 170], strong: 0, by: 0.4 };
const DARK = { negative: [245, 145, 50], zero: [30, 35, 43], positive: [70, 165, 245], strong: 255, by: 0.55 };
const NOT_A_NUMBER = [110, 110, 110];
const FAINTEST = 0.35; // of a line
const levels = new Uint32Array(256), classes = new Uint32Array(256);
let palette;

/** The colour [r, g, b] of a number; beyond -1 and 1 it stays the same. */
export function rgb(number) {
  if (Number.isNaN(number)) return NOT_A_NUMBER;
  const end = number < 0 ? palette.negative : palette.positive, share = Math.min(Math.abs(number), 1);
  return palette.zero.map((zero, i) => Math.round(zero + (end[i] - zero) * share));
}

export const css = (number) => `rgb(${rgb(number).join(" ")})`;

/** The same for a point, which must stand out where the map has its very colour. */
export function dotColor(number) {
  const share = palette.by * Math.min(Math.abs(number), 1);
  return `rgb(${rgb(number).map((channel) => Math.round(channel + (palette.strong - channel) * share)).join(" ")})`;
}

/** The same for a line, where a faint colour could not be seen. */
export const lineColor = (number) => css(number < 0 ? Math.min(number, -FAINTEST) : Math.max(number, FAINTEST));

const pixel = (r, g, b) => (255 << 24) | (b << 16) | (g << 8) | r; // as the bytes of an image, low byte first

/** Chooses the colours for paper or for a dark screen. */
export function usePalette(dark) {
  palette = dark ? DARK : LIGHT;
  for (let i = 0; i < 256; i++) levels[i] = pixel(...rgb(i === 128 ? NaN : (i < 128 ? i : i - 256) / 127)); // a signed byte
  for (let i = 0; i < 256; i++) classes[i] = i === 128 ? levels[i] : levels[i < 128 ? (i > 0 ? 100 : 0) : 256 - 100];
}

usePalette(false);

/** A colour of the style sheet, by its name there. */
export const styled = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

/** Paints a heat map of signed bytes, -127 to 127 for -1 to 1, on a canvas of as many points. */
export class HeatMap {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    this.image = this.context.createImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  paint(map, classesOnly = false) {
    const table = classesOnly ? classes : levels, { pixels } = this;
    for (let i = 0; i < pixels.length; i++) pixels[i] = table[map[i] & 255];
    this.context.putImageData(this.image, 0, 0);
  }

  /** Shows another map, stretched to the size of this one. */
  show({ context: { canvas } }) {
    const { width, height } = this.context.canvas;
    this.context.drawImage(canvas, 0, 0, width, height);
  }
}
