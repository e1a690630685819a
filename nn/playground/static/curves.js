// The losses over the steps.

import { fitted, format } from "./dom.js";

const MOST = 600; // places that are kept; beyond, every other one is dropped

export class Curves {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  clear() {
    this.points = [];
    this.stride = 1;
    this.seen = 0;
  }

  /** Adds the losses after so many steps; fewer steps than before mean that the training began anew. */
  add(steps, train, test, draw) {
    const last = this.points.at(-1);
    if (last && steps < last.steps) this.clear();
    if (last && steps === last.steps) this.points.pop();
    else if (this.seen++ % this.stride && this.points.length > 1) this.points.pop(); // the newest one is always there
    this.points.push({ steps, train, test });
    if (this.points.length > MOST) {
      this.points = this.points.filter((_, i) => i % 2 === 0);
      this.stride *= 2;
    }
    if (draw) this.draw();
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    const numbers = this.points.flatMap(({ train, test }) => [train, test]).filter(Number.isFinite);
    if (!width || !numbers.length) return;
    const highest = Math.max(...numbers) || 1, last = this.points.at(-1).steps || 1;
    const x = (steps) => 2 + (width - 4) * (steps / last), y = (loss) => height - 2 - (height - 14) * (loss / highest);
    context.font = "10px system-ui, sans-serif";
    context.fillStyle = "#59636e";
    context.fillText(format(highest, 3), 2, 9);
    context.strokeStyle = "#d1d9e0";
    context.beginPath();
    context.moveTo(0, height - 1);
    context.lineTo(width, height - 1);
    context.stroke();
    for (const [name, color, dash] of [["test", "#8a5300", [4, 3]], ["train", "#1f2328", []]]) {
      context.beginPath();
      context.setLineDash(dash);
      context.strokeStyle = color;
      context.lineWidth = 1.6;
      let pen = "moveTo";
      for (const point of this.points) {
        if (Number.isFinite(point[name])) context[pen](x(point.steps), y(point[name]));
        pen = Number.isFinite(point[name]) ? "lineTo" : "moveTo";
      }
      context.stroke();
    }
    context.setLineDash([]);
  }
}
