// The output over the plane, with the points: to look at, to choose a point by, and to draw own points on.

import { dotColor } from "./colors.js";
import { byId, fitted, format } from "./dom.js";
import { Surface } from "./surface.js";

const LEAST_RADIUS = 3.6, RADIUS = 1 / 75; // of a point: pixels, and of the width
const DARK = "#1f2328", LIGHT = "#ffffff";

export class OutputView {
  /** `on.sample(row)` chooses a training point, `on.add(x1, x2)` adds an own one at a place, `on.drawn(canvas)` once the points were drawn. */
  constructor(extent, on) {
    Object.assign(this, { extent, on, train: [], test: [], own: false, sample: 0, cursor: null });
    this.surface = new Surface(byId("surface"), byId("output-title"));
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
  build(train, test, settings, columns) {
    this.columns = columns;
    Object.assign(this, { train, test, own: settings.data === "own", classes: settings.problem === "classification" });
    byId("own").hidden = !this.own;
    const count = `${train.length} training and ${test.length} test points.`;
    const help = this.own
      ? "Click, or use the arrow keys and Enter, to add a point. Those with a dark edge are held out for the test."
      : "Click a training point, or use the arrow keys and Enter, to follow it through the network.";
    byId("surface-help").textContent = help;
    this.explainScale();
    const [x1, x2] = columns.names, [low, high] = [-this.extent, this.extent].map((x) => columns.real(0, x));
    const [lowest, highest] = this.ends();
    const ends = { "axis-low": format(low, 3), "axis-names": `${x1} to the right, ${x2} upwards`, "axis-high": format(high, 3),
      "class-low": lowest, "class-high": highest, scaled: columns.scaling(this.extent) };
    for (const [id, text] of Object.entries(ends)) byId(id).textContent = text;
    this.canvas.setAttribute("aria-label", `The output over ${x1} and ${x2}, from ${-this.extent} to ${this.extent}. ${count}`);
    this.draw();
  }

  paint(frame) {
    this.surface.paint(frame);
  }

  look(...neuron) {
    this.surface.look(...neuron);
    this.explainScale();
  }

  /** What the targets -1 and 1 are. */
  ends() {
    return this.classes ? this.columns.classes : [-1, 1].map((y) => this.columns.target(y));
  }

  /** Says what the colours are. */
  explainScale() {
    [byId("scale-low").textContent, byId("scale-high").textContent] = this.surface.name ? ["−1", "1"] : this.ends();
    byId("scale-help").textContent = this.classes && !this.surface.name
      ? `Colour: 2p − 1, with p = σ(output) the probability of ${this.columns.classes[1]}. The output itself is a logit.`
      : `Colour: ${this.surface.name ?? "the output"}. Beyond −1 and 1 it stays the same.`;
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
    this.on.drawn(this.canvas);
  }
}
