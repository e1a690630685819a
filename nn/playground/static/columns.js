// What the points were where they came from: the names of their columns and classes, and their numbers before they were scaled.

import { format, indexed } from "./dom.js";

export class Columns {
  constructor({ data, columns, classes, scales, problem }) {
    const isOwn = data === "own";
    this.isClasses = problem === "classification";
    this.names = (isOwn && columns.length ? columns : ["x1", "x2", "target"]).map(indexed);
    this.classes = isOwn && classes.length ? classes : ["−1", "1"];
    this.hasNames = isOwn && columns.length > 0;
    this.hasClasses = isOwn && classes.length > 0;
    this.scales = isOwn && scales.length ? scales : [0, 1, 0, 1, 0, 1];
  }

  /** What a number that is shown in a column means. */
  real(column, shown) {
    return this.scales[2 * column] + this.scales[2 * column + 1] * shown;
  }

  isScaled(column) {
    return this.scales[2 * column] !== 0 || this.scales[2 * column + 1] !== 1;
  }

  /** A target in words: a class, or a number. */
  target(shown) {
    if (this.isClasses && this.hasClasses) return this.classes[shown > 0 ? 1 : 0];
    return format(this.hasClasses ? shown : this.real(2, shown));
  }

  /** A point in words, with the scaled numbers where they differ. */
  point([x1, x2, target]) {
    const coordinates = [x1, x2].map((x, c) => `${this.names[c]} = ${format(this.real(c, x))}${this.isScaled(c) ? ` (scaled ${format(x)})` : ""}`);
    const scaled = !this.hasClasses && this.isScaled(2) ? ` (scaled ${format(target)})` : "";
    return `${coordinates.join(", ")}, ${this.hasNames ? `${this.names[2]} =` : "target"} ${this.target(target)}${scaled}`;
  }

  /** A sentence on how the columns were scaled, or "". */
  scaling(extent) {
    const ends = [extent, extent, 1];
    const said = [0, 1, ...(this.hasClasses ? [] : [2])].filter((c) => this.isScaled(c)).map((c) =>
      `${this.names[c]} from ${format(this.real(c, -ends[c]))} to ${format(this.real(c, ends[c]))} is shown as −${ends[c]} to ${ends[c]}`);
    return said.length ? `Scaled: ${said.join("; ")}.` : "";
  }
}
