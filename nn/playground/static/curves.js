// The losses over the steps.

import { drawAxes, frameOf, textSize } from "./axes.js";
import { styled } from "./colors.js";
import { fitted } from "./dom.js";

const MOST = 600; // places that are kept; beyond, every other one is dropped

const DASH = [4, 3];
const KINDS = [ // a name, a colour and dashes
  ["rivalTest", "--rival-test", DASH], ["rivalTrain", "--rival", []], ["test", "--test", DASH], ["train", "--ink", []],
];

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

  /** Adds losses {train, test, and those of a rival} after so many steps; fewer steps than before mean that the training began anew. */
  add(steps, losses, draw) {
    const last = this.points.at(-1);
    if (last && steps < last.steps) this.clear();
    if (last && steps === last.steps) this.points.pop();
    else if (this.seen++ % this.stride && this.points.length > 1) this.points.pop(); // the newest one is always there
    this.points.push({ steps, ...losses });
    if (this.points.length > MOST) {
      this.points = this.points.filter((_, i) => i % 2 === 0);
      this.stride *= 2;
    }
    if (draw) this.draw();
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    const numbers = this.points.flatMap((point) => KINDS.map(([name]) => point[name])).filter(Number.isFinite);
    if (!width || !numbers.length) return;
    const size = textSize(this.canvas), highest = Math.max(...numbers) || 1, last = this.points.at(-1).steps || 1;
    const { x, y } = drawAxes(context, frameOf({ width, height }, size), [0, last], [0, highest], ["steps", "loss"], size);
    for (const [name, color, dash] of KINDS) {
      context.beginPath();
      context.setLineDash(dash);
      context.strokeStyle = styled(color);
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
