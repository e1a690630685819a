// What the mouse or the focus is at: a neuron fills the output and lights up its weights, and a line says what it computes;
// of a weight, the line says its value, its gradient and what the last step did to it.

import { byId, format, indexed, show, write } from "./dom.js";

/** The neuron or weight that an element of the network's picture stands for, or null. */
function placeOf(node) {
  const at = node.closest?.("[data-edge], [data-bias], [data-neuron]")?.dataset;
  if (!at) return null;
  const [layer, neuron, input] = (at.edge ?? at.bias ?? `${at.layer} ${at.neuron}`).split(" ").map(Number);
  return { layer, neuron, input: input ?? null, isBias: at.bias !== undefined };
}

/** What a weight is and what the last step did to it. */
export function storyOf(name, { weights, gradient, change, steps }, index, { lr, batch, optimizer, penalty }) {
  const value = weights.data[index], slope = gradient.data[index], step = change.data[index];
  if (!steps) return `${name} = ${format(value)}. There was no step yet, so no gradient: press S for one.`;
  const isPlain = optimizer === "sgd" && Math.abs(step + lr * slope) <= 1e-3 * Math.abs(step); // and the rate is still the same
  const rule = isPlain
    ? `−${format(lr)} · ${slope < 0 ? `(${format(slope)})` : format(slope)} = ` : "";
  return `${name} = ${format(value, 6)}, gradient ${format(slope)} (mean over a batch of ${batch}${penalty === "none" ? "" : ", with the penalty"}). ` +
    `The last step added ${rule}${format(step)}.`;
}

export class Hover {
  /** Watches the picture of a network; `state()` is {settings, parameters, frame} as they are now, and `isBusy` where the picture shows something else; `ask(layer, neuron)` asks for a formula. */
  constructor(network, output, words, state, ask) {
    Object.assign(this, { network, output, words, state, ask, place: null, asked: false });
    const { root } = network;
    root.addEventListener("pointerover", (event) => this.look(placeOf(event.target)));
    root.addEventListener("pointerleave", () => this.look(null));
    root.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) this.look(placeOf(event.target)); });
    root.addEventListener("focusout", () => this.look(null));
  }

  look(place) {
    if (this.state().isBusy || (!place && !this.place)) return;
    this.place = place;
    this.asked = false;
    const { layer, neuron, input, isBias } = place ?? {};
    this.network.light(place && !isBias ? (line) => line.k === layer && line.j === neuron && (input === null || line.i === input) : null);
    const { layers } = this.network, last = layer === layers.length - 1;
    const number = place && !last ? layers.slice(0, layer).reduce((count, { neurons }) => count + neurons, neuron) : null;
    this.output.look(number, indexed(`a${layer + 1}[${neuron + 1}]`), `layer ${layer + 1}, neuron ${neuron + 1}`);
    this.show();
    const { frame } = this.state();
    if (frame) this.output.paint(frame);
  }

  /** Goes on after the picture was built anew, where what was looked at is still there. */
  again() {
    const { layer, neuron, input } = this.place ?? {}, found = this.network.layers[layer];
    const isThere = found && neuron < found.neurons && (input === null || input <= found.inputs);
    this.look(isThere ? this.place : null);
  }

  /** Writes the line anew, with the numbers of the newest frame. */
  show() {
    const { frame, settings, parameters } = this.state(), { place, network } = this;
    if (!place || !frame || !network.fits(frame)) return write(this.words, "");
    const { layer: k, neuron: j, input, isBias } = place, layer = network.layers[k];
    if (input === null && !isBias) {
      if (!this.asked) this.asked = this.ask(k, j);
      return undefined;
    }
    const index = isBias ? layer.bias + j : layer.start + j * layer.inputs + input;
    return write(this.words, storyOf(parameters[index], frame, index, settings));
  }

  /** The answer to "formula". */
  formula({ layer, neuron, words }) {
    const { place } = this, isThere = place && place.layer === layer && place.neuron === neuron && place.input === null;
    this.asked = false;
    if (isThere) show(this.words, words);
  }
}

export const hoverOf = (network, output, state, ask) => new Hover(network, output, byId("hovered"), state, ask);
