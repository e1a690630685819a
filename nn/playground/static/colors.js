// The colours of numbers from -1 to 1: orange over white to blue, which the colour-blind tell apart, also by lightness.

const NEGATIVE = [213, 102, 0], ZERO = [250, 250, 248], POSITIVE = [0, 105, 170];
const NOT_A_NUMBER = [110, 110, 110];

/** The colour [r, g, b] of a number; beyond -1 and 1 it stays the same. */
export function rgb(number) {
  if (Number.isNaN(number)) return NOT_A_NUMBER;
  const end = number < 0 ? NEGATIVE : POSITIVE, share = Math.min(Math.abs(number), 1);
  return ZERO.map((zero, i) => Math.round(zero + (end[i] - zero) * share));
}

export const css = (number) => `rgb(${rgb(number).join(" ")})`;

/** The same for a line on white, where a faint colour could not be seen. */
export const lineColor = (number) => css(number < 0 ? Math.min(number, -0.35) : Math.max(number, 0.35));

const pixel = (r, g, b) => (255 << 24) | (b << 16) | (g << 8) | r; // as the bytes of an image, low byte first
const levels = Array.from({ length: 256 }, (_, i) => {
  const level = i < 128 ? i : i - 256; // a signed byte
  return pixel(...rgb(level === -128 ? NaN : level / 127));
});
const LEVELS = new Uint32Array(levels);
const CLASSES = new Uint32Array(levels.map((color, i) => i === 128 ? color : LEVELS[i < 128 ? (i > 0 ? 100 : 0) : 256 - 100]));

/** Paints a heat map of signed bytes, -127 to 127 for -1 to 1, on a canvas of as many points. */
export class HeatMap {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    this.image = this.context.createImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  paint(map, classesOnly = false) {
    const table = classesOnly ? CLASSES : LEVELS, { pixels } = this;
    for (let i = 0; i < pixels.length; i++) pixels[i] = table[map[i] & 255];
    this.context.putImageData(this.image, 0, 0);
  }

  /** Shows another map, stretched to the size of this one. */
  show({ context: { canvas } }) {
    const { width, height } = this.context.canvas;
    this.context.drawImage(canvas, 0, 0, width, height);
  }
}
