// A heat map over the plane: the output of a network, or one of its neurons where one points at it.

import { HeatMap } from "./colors.js";
import { byId, element, write } from "./dom.js";

export class Surface {
  /** On a canvas; the heading says what it shows. `name` is the neuron's, or null for the output. */
  constructor(canvas, heading) {
    Object.assign(this, { map: new HeatMap(canvas), heading, usual: heading.textContent, neuron: null, name: null });
  }

  /** What it is when it shows the output. */
  call(text) {
    this.usual = text;
    if (!this.name) write(this.heading, text);
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
    write(this.heading, this.name ? `${name}: ${place}` : this.usual);
  }
}
