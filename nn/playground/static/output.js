// The output over the plane, with the points: to look at, to choose a point by, and to draw own points on.

import { HeatMap, dotColor } from "./colors.js";
import { byId, element, fitted, format, write } from "./dom.js";

const LEAST_RADIUS = 3.6, RADIUS = 1 / 75; // of a point: pixels, and of the width
const DARK = "#1f2328", LIGHT = "#ffffff";

export class OutputView {
  /** `on.sample(row)` chooses a training point, `on.add(x1, x2)` adds an own one at a place. */
  constructor(extent, on) {
    Object.assign(this, { extent, on, train: [], test: [], own: false, sample: 0, cursor: null });
    this.map = new HeatMap(byId("surface"));
    this.neuron = null; // the number of the neuron whose map is shown instead of the output
    this.canvas = byId("points");
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.canvas.addEventListener("click", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.cursor = null;
      this.use(this.place((event.clientX - box.left) / box.width), -this.place((event.clientY - box.top) / box.height));
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => { this.cursor = null; this.draw(); });
  }

  place(share) {
    return Math.round((2 * share - 1) * this.extent * 100) / 100;
  }

  use(x1, x2) {
    if (this.own) return this.on.add(x1, x2);
    let best = -1, nearest = Infinity;
    this.train.forEach(([a, b], row) => {
      const distance = (a - x1) ** 2 + (b - x2) ** 2;
      if (distance < nearest) [best, nearest] = [row, distance];
    });
    if (best >= 0) this.on.sample(best);
  }

  /** Arrow keys move a cross, Enter does at its place what a click does. */
  key(event) {
    const steps = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (steps) {
      const fit = (x) => Math.min(Math.max(x, -this.extent), this.extent);
      const [x1, x2] = this.cursor ?? [0, 0], size = event.shiftKey ? 1 : 0.25;
      this.cursor = [fit(x1 + steps[0] * size), fit(x2 + steps[1] * size)];
      this.draw();
    } else if (event.key === "Enter" && this.cursor) {
      this.use(...this.cursor);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Other points. */
  build(train, test, settings) {
    Object.assign(this, { train, test, own: settings.data === "own", classes: settings.problem === "classification" });
    byId("own").hidden = !this.own;
    const count = `${train.length} training and ${test.length} test points.`;
    const help = this.own
      ? "Click, or use the arrow keys and Enter, to add a point. Those with a dark edge are held out for the test."
      : "Click a training point, or use the arrow keys and Enter, to follow it through the network.";
    byId("surface-help").textContent = help;
    this.explainScale();
    this.canvas.setAttribute("aria-label", `The output over x1 and x2, from ${-this.extent} to ${this.extent}. ${count}`);
    this.draw();
  }

  paint(frame) {
    if (this.neuron === null) return this.map.paint(frame.output.data, byId("discrete").checked);
    const [neurons, side] = frame.maps.shape, size = side * side;
    if (this.neuron >= neurons) return;
    this.small ??= new HeatMap(element("canvas", { width: side, height: side }));
    this.small.paint(frame.maps.data.subarray(this.neuron * size, (this.neuron + 1) * size));
    this.map.show(this.small);
  }

  /** Shows the map of a neuron, by its number, its name and its place in words, or the output again for null. */
  look(neuron, name, place) {
    Object.assign(this, { neuron, name: neuron === null ? null : name });
    write(byId("output-title"), this.name ? `${name}: ${place}` : "Output");
    this.explainScale();
  }

  /** Says what the colours are. */
  explainScale() {
    byId("scale-help").textContent = this.classes && !this.name
      ? "Colour: 2p − 1, with p = σ(output) the probability of 1. The output itself is a logit."
      : `Colour: ${this.name ?? "the output"}. Beyond −1 and 1 it stays the same.`;
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    if (!width) return;
    const x = (x1) => ((x1 / this.extent + 1) / 2) * width, y = (x2) => ((1 - x2 / this.extent) / 2) * height;
    const radius = Math.max(LEAST_RADIUS, RADIUS * width);
    const dot = ([x1, x2, target], isTest) => {
      const square = this.classes && target <= 0; // the classes differ in shape too
      context.beginPath();
      if (square) context.rect(x(x1) - radius * 0.9, y(x2) - radius * 0.9, radius * 1.8, radius * 1.8);
      else context.arc(x(x1), y(x2), radius, 0, 2 * Math.PI);
      // Two edges, a light and a dark one: on a map of the very colour of the point too, one of them stands out.
      const [edge, rim] = isTest ? [DARK, LIGHT] : [LIGHT, DARK];
      for (const [color, wide] of [[rim, 3.2], [edge, 2]]) {
        context.lineWidth = wide;
        context.strokeStyle = color;
        context.stroke();
      }
      context.fillStyle = dotColor(this.classes ? (target > 0 ? 1 : -1) : target);
      context.fill();
    };
    // Of one's own points none is hidden, also those that are held out.
    if (this.own || byId("show-test").checked) this.test.forEach((point) => dot(point, true));
    this.train.forEach((point) => dot(point, false));
    const chosen = this.train[this.sample];
    if (chosen) {
      for (const [color, wide] of [[LIGHT, 4], [DARK, 2]]) {
        context.beginPath();
        context.arc(x(chosen[0]), y(chosen[1]), 2.2 * radius, 0, 2 * Math.PI);
        context.lineWidth = wide;
        context.strokeStyle = color;
        context.stroke();
      }
    }
    if (this.cursor) {
      const [cx, cy] = [x(this.cursor[0]), y(this.cursor[1])];
      context.beginPath();
      context.moveTo(cx - 12, cy);
      context.lineTo(cx + 12, cy);
      context.moveTo(cx, cy - 12);
      context.lineTo(cx, cy + 12);
      context.lineWidth = 2;
      context.strokeStyle = DARK;
      context.stroke();
      context.font = "12px system-ui, sans-serif";
      context.fillStyle = DARK;
      context.fillText(this.cursor.map((number) => format(number)).join(", "), Math.min(cx + 6, width - 64), Math.max(cy - 6, 12));
    }
  }
}
