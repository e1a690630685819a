// The loss over two weights as a map with lines of equal loss, and the way of the training across it.

import { drawAxes, frameOf, textSize } from "./axes.js";
import { styled } from "./colors.js";
import { byId, element, fitted, format } from "./dom.js";

const LINES = 12, TICKS = 4, DIGITS = 3;
const LOW = [253, 253, 250], HIGH = [60, 52, 110];
const SIZE = 240; // of the map, in points
const BAR = 9; // the room for the colour bar, in small letters

export class Landscape {
  /** `on.ask(first, second)` asks for the landscape over two parameters. */
  constructor(root, on) {
    this.on = on;
    this.first = element("select", { "aria-label": "First weight, to the right", change: () => this.ask() });
    this.second = element("select", { "aria-label": "Second weight, upwards", change: () => this.ask() });
    this.canvas = element("canvas", { class: "landscape", role: "img", "aria-label": "Loss landscape" });
    this.words = element("p", { class: "hint" });
    root.append(
      element("div", { class: "row" }, element("label", {}, "To the right ", this.first), element("label", {}, "Upwards ", this.second),
        element("button", { click: () => this.ask() }, "Update")),
      element("div", { class: "two" }, this.canvas, this.words));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Other parameters to choose from; the choice stays where it can. */
  build(names) {
    if (this.names?.join() === names.join()) return;
    this.names = names;
    const options = () => names.map((name, index) => element("option", { value: index }, name));
    this.first.replaceChildren(...options());
    this.second.replaceChildren(...options());
    this.choose(0, Math.min(1, names.length - 1));
    this.answer = null;
  }

  choose(first, second) {
    this.first.value = first;
    this.second.value = second;
  }

  ask() {
    if (this.first.value !== this.second.value) this.on.ask(Number(this.first.value), Number(this.second.value));
    else this.words.textContent = "Choose two different weights.";
  }

  show(answer) {
    this.answer = answer;
    this.draw();
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    if (!this.answer || !width) return;
    const { losses, ranges: [[x0, x1], [y0, y1]], trail } = this.answer, side = losses.length;
    const finite = losses.flat().filter((loss) => loss !== null);
    const low = Math.min(...finite), high = Math.max(...finite);
    // Equal steps of the logarithm: the floor of a valley is what one wants to see.
    const shift = Math.max((high - low) * 0.01, 1e-12);
    const level = (loss) => Math.log((loss - low) / shift + 1) / Math.log((high - low) / shift + 1);
    const at = (u, v) => { // bilinear, u to the right and v upwards in grid cells
      const i = Math.min(Math.floor(v), side - 2), j = Math.min(Math.floor(u), side - 2), s = u - j, t = v - i;
      return (losses[i][j] * (1 - s) + losses[i][j + 1] * s) * (1 - t) + (losses[i + 1][j] * (1 - s) + losses[i + 1][j + 1] * s) * t;
    };
    const size = textSize(this.canvas), box = frameOf({ width, height }, size, BAR * size), { left, right, top, bottom } = box;
    const color = (share) => LOW.map((channel, k) => channel + (HIGH[k] - channel) * Math.min(Math.floor(share * LINES) / LINES, 1));
    const image = context.createImageData(SIZE, SIZE);
    for (let r = 0; r < SIZE; r++) {
      for (let c = 0; c < SIZE; c++) {
        const loss = at((c / (SIZE - 1)) * (side - 1), (1 - r / (SIZE - 1)) * (side - 1));
        image.data.set([...color(level(loss)), 255], 4 * (r * SIZE + c));
      }
    }
    const plain = new OffscreenCanvas(SIZE, SIZE);
    plain.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(plain, left, top, right - left, bottom - top);
    const name = (index) => this.names[index];
    const { x: X, y: Y } = drawAxes(context, box, [x0, x1], [y0, y1], [name(this.answer.first), name(this.answer.second)], size);
    // The colour bar: as many steps as there are lines, and the loss at some of them.
    const from = right + size, step = (bottom - top) / LINES;
    context.textBaseline = "middle";
    for (let i = 0; i < LINES; i++) {
      context.fillStyle = `rgb(${color((i + 0.5) / LINES).map(Math.round).join(" ")})`;
      context.fillRect(from, bottom - (i + 1) * step, size, step + 0.5);
    }
    context.fillStyle = styled("--quiet");
    for (let i = 0; i <= LINES; i += LINES / TICKS) {
      const loss = low + shift * (Math.exp((i / LINES) * Math.log((high - low) / shift + 1)) - 1);
      context.fillText(format(loss, DIGITS), from + 1.4 * size, bottom - i * step);
    }
    context.textBaseline = "alphabetic";
    context.fillText("loss", from, top - 0.5 * size);
    for (const [ink, wide] of [["#ffffff", 4], ["#d56600", 2]]) {
      context.beginPath();
      trail.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](X(x), Y(y)));
      context.strokeStyle = ink;
      context.lineWidth = wide;
      context.stroke();
    }
    const mark = ([x, y], ink, edge) => {
      context.beginPath();
      context.arc(X(x), Y(y), 5, 0, 2 * Math.PI);
      context.fillStyle = ink;
      context.fill();
      context.strokeStyle = edge;
      context.stroke();
    };
    mark(trail[0], "#ffffff", "#d56600");
    mark(trail.at(-1), "#d56600", "#ffffff");
    const words = `${name(this.answer.first)} goes from ${format(x0, 3)} to ${format(x1, 3)} to the right, ` +
      `${name(this.answer.second)} from ${format(y0, 3)} to ${format(y1, 3)} upwards. The mean training loss goes from ` +
      `${format(low, 3)} (light) to ${format(high, 3)} (dark), all other weights being where they are now. The orange line is ` +
      "the way of the training, from the white dot to the orange one. Other weights moved on the way too, so it need not lead downhill on this map.";
    this.words.textContent = words;
    this.canvas.setAttribute("aria-label", `Loss landscape. ${words}`);
  }
}

export const landscapeOf = (on) => new Landscape(byId("panel-landscape"), on);
