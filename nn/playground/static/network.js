// The picture of the network: features, neurons with what they have learnt, and weights between them.

import { HeatMap, css, lineColor } from "./colors.js";
import { byId, element, fitted, format, svg } from "./dom.js";

const WIDEST = 6, THIN = 2.5; // pixels of a line; thinner ones become so wide when they light up
const ROW = 50, TOP = 34, LOW_TOP = 8; // in a text of USUAL pixels; with a larger one everything grows
const WAY = 64; // from layer to layer, at least: a neuron and room for its lines
const BUTTONS = 50, HIGH_TOP = 50; // the way that two buttons over a layer take beside each other; the room above where they do not
const USUAL = 14;
const SIDE = 36, HALF = 20, EDGE = 1.8; // of a map: its points; half of a neuron, and what its edge with the round corners takes of that
const FAR = 2; // rows between features where only those in use are shown, at most
const SMALLEST = 0.42; // of the usual size, where a network must fit a screen
const LABEL = 12, LABEL_ROW = 0.36, LABEL_GAP = 1 / 9, SMALLEST_LABEL = 9; // a number: its usual size, at most that of a row and of a gap between layers, and its smallest size
const HALF_NUMBER = 2.9, HALF_NAME = 2.6; // of the size of a label: half of the width of −2.57e−06, and of a feature's name

/** Where the parameters of each layer are, as in layout.py; computed here too, since the page draws a change before the server answers. */
export function layersOf(settings) {
  const widths = [settings.features.length, ...settings.hidden, 1];
  let start = 0;
  return widths.slice(1).map((neurons, k) => {
    const inputs = widths[k], layer = { start, inputs, neurons, bias: start + inputs * neurons };
    start = layer.bias + neurons;
    return layer;
  });
}

export class NetworkView {
  /** `isRival` for a second network, which is shown only: `on` has no `features` and `hidden` then. `on.select(layer, neuron, input)`, `on.features(names)`, `on.hidden(widths)`, `on.laidOut()` once all is in its place. */
  constructor(root, allFeatures, limits, on, isRival = false) {
    Object.assign(this, { root, allFeatures, limits, on, isRival, lines: [], neurons: [], biases: [], shown: "" });
    this.edges = svg("svg", { class: "edges", "aria-hidden": "true" });
    this.canvas = element("canvas", { class: "maps", "aria-hidden": "true" }); // one for all: each canvas is a layer for the browser to put together
    this.nodes = element("div", { class: "nodes" });
    root.append(this.edges, this.canvas, this.nodes);
    new ResizeObserver(() => this.layout()).observe(root);
    root.addEventListener("keydown", (event) => this.move(event));
    if (isRival) return;
    byId("layer-less").onclick = () => on.hidden(this.settings.hidden.slice(0, -1));
    byId("layer-more").onclick = () => on.hidden([...this.settings.hidden, Math.min(this.settings.hidden.at(-1) ?? 4, 4)].slice(0, limits.layers));
  }

  /** Builds the picture for other settings; nothing happens where the network is the same. */
  build(settings, labels) {
    const key = JSON.stringify([settings.features, settings.hidden, labels]);
    Object.assign(this, { settings, labels });
    if (key === this.shown) return;
    this.shown = key;
    const focused = document.activeElement?.dataset?.key;
    this.layers = layersOf(settings);
    this.nodes.replaceChildren();
    this.edges.replaceChildren();
    this.lines = [];
    this.neurons = [];
    this.biases = [];
    this.context = null;
    this.places = new Map();
    this.columns = [this.allFeatures.map((name) => this.feature(name))];
    this.headers = [];
    this.layers.forEach((layer, k) => {
      const last = k === this.layers.length - 1;
      if (!last && !this.isRival) this.headers.push(this.header(k, layer.neurons)); // above its neurons, and so before them
      this.columns.push(Array.from({ length: layer.neurons }, (_, j) => this.neuron(k, j, last)));
    });
    this.maps = new HeatMap(element("canvas", { width: SIDE, height: SIDE * this.neurons.length })); // one below the other
    this.layers.forEach((layer, k) => {
      const sources = k ? this.columns[k] : this.columns[0].filter((node) => node.dataset.on === "true");
      for (let j = 0; j < layer.neurons; j++) {
        for (let i = 0; i < layer.inputs; i++) this.lines.push(this.line(k, j, i, sources[i], this.columns[k + 1][j], layer));
      }
    });
    this.layout();
    if (focused) this.nodes.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    if (this.isRival) return;
    const count = settings.hidden.length;
    byId("layers-count").textContent = `${count} hidden layer${count === 1 ? "" : "s"}`;
    byId("layer-less").disabled = count === 0;
    byId("layer-more").disabled = count === this.limits.layers;
  }

  feature(name) {
    const on = this.settings.features.includes(name);
    const button = element("button", {
      class: "feature", "aria-pressed": String(on), "data-on": String(on), "data-key": `feature ${name}`,
      disabled: this.isRival, title: on ? `Leave the feature ${this.labels[name]} out` : `Use the feature ${this.labels[name]}`,
      click: () => this.toggle(name),
    }, this.labels[name]);
    this.nodes.append(button);
    return button;
  }

  /** Uses a feature or leaves it out; the order is the server's, so that the answer is what is shown already. */
  toggle(name) {
    const { features } = this.settings;
    const chosen = this.allFeatures.filter((other) => features.includes(other) !== (other === name));
    if (chosen.length) this.on.features(chosen);
  }

  neuron(k, j, last) {
    const name = (this.isRival ? "Second network: " : "") + (last ? "Output neuron" : `Layer ${k + 1}, neuron ${j + 1}`);
    const button = element("button", {
      class: last ? "neuron out" : "neuron", "aria-label": name, "aria-describedby": this.isRival ? "rival-hovered" : "hovered", "data-key": `neuron ${k} ${j}`,
      "data-layer": k, "data-neuron": j, click: () => this.on.select?.(k, j, null),
    });
    const bias = element("button", {
      class: "bias", tabindex: -1, "aria-label": `${name}: bias`, "data-bias": `${k} ${j}`, click: () => this.on.select?.(k, j, this.layers[k].inputs),
    });
    this.neurons.push(button);
    this.biases.push({ node: bias, index: this.layers[k].bias + j, name, shown: "" });
    this.nodes.append(button, bias);
    button.bias = bias;
    return button;
  }

  header(k, neurons) {
    const within = (width) => Math.min(Math.max(width, 1), this.limits.neurons);
    const change = (by) => this.on.hidden(this.settings.hidden.map((width, i) => (i === k ? within(width + by) : width)));
    const header = element("div", { class: "layer-header" },
      element("button", { class: "small", "data-key": `less ${k}`, "aria-label": `Remove a neuron from layer ${k + 1}`,
        disabled: neurons <= 1, click: () => change(-1) }, "−"),
      element("button", { class: "small", "data-key": `more ${k}`, "aria-label": `Add a neuron to layer ${k + 1}`,
        disabled: neurons >= this.limits.neurons, click: () => change(1) }, "+"),
      element("span", {}, `${neurons}`));
    this.nodes.append(header);
    return header;
  }

  line(k, j, i, from, to, layer) {
    const title = svg("title");
    const visible = svg("path", { class: "line" });
    const target = svg("path", { class: "target", click: () => this.on.select?.(k, j, i) }, title);
    this.edges.append(svg("g", { class: "edge", "data-edge": `${k} ${j} ${i}` }, visible, target));
    return { visible, target, title, from, to, index: layer.start + j * layer.inputs + i, k, j, i, shown: NaN };
  }

  layout() {
    if (!this.columns || !this.root.clientWidth) return; // out of sight
    const usual = parseFloat(getComputedStyle(this.root).fontSize) / USUAL;
    const columns = this.columns.map((column) => column.filter((node) => getComputedStyle(node).display !== "none"));
    const gaps = columns.length - 1, width = this.root.clientWidth, narrow = Math.min(1, width / ((60 + gaps * WAY) * usual));
    const isHigh = narrow * WAY < BUTTONS, isBare = document.documentElement.classList.contains("bare"); // no buttons over the layers
    this.root.classList.toggle("high", isHigh);
    const above = isBare ? LOW_TOP : isHigh ? HIGH_TOP / narrow : TOP;
    const rows = Math.max(...columns.map((column) => column.length)), wanted = (above + rows * ROW) * usual * narrow;
    this.root.style.height = `${wanted}px`;
    this.root.parentNode.style.setProperty("--least", `${SMALLEST * wanted}px`);
    const height = this.root.clientHeight, scale = narrow * Math.min(1, height / wanted);
    this.root.style.setProperty("--scale", scale);
    const unit = this.unit = usual * scale, row = ROW * unit, top = above * unit;
    this.edges.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const largest = Math.max(LABEL * unit, Math.min(LABEL * usual, LABEL_ROW * row));
    const first = Math.max(34 * unit, HALF_NAME * largest), last = width - Math.max(26 * unit, HALF_NUMBER * largest);
    columns.forEach((column, c) => {
      const x = first + ((last - first) * c) / gaps;
      const isFixed = c === 0 && column.length === this.allFeatures.length; // the neurons of a layer stand in the middle
      const apart = c === 0 && !isFixed ? Math.min(row * rows / column.length, FAR * row) : row; // features have names and numbers
      const before = isFixed ? 0 : (rows * row - column.length * apart) / 2;
      column.forEach((node, r) => {
        const y = top + before + (r + 0.5) * apart;
        node.style.left = `${x}px`;
        node.style.top = `${y}px`;
        this.places.set(node, { x, y });
        if (node.bias) [node.bias.style.left, node.bias.style.top] = [`${x - 19 * unit}px`, `${y + 19 * unit}px`];
      });
      const header = this.headers[c - 1];
      if (header) header.style.left = `${x}px`;
    });
    for (const line of this.lines) {
      const from = this.places.get(line.from), to = this.places.get(line.to);
      const x1 = from.x + (line.k ? 19 : 30) * unit, x2 = to.x - 19 * unit, bend = (x2 - x1) / 2;
      const path = `M${x1} ${from.y}C${x1 + bend} ${from.y} ${x2 - bend} ${to.y} ${x2} ${to.y}`;
      line.visible.setAttribute("d", path);
      line.target.setAttribute("d", path);
    }
    this.gap = (last - first) / gaps;
    // Where all else is small since there are many neurons, numbers are as large as their room.
    this.label = Math.min(largest, Math.max(LABEL_GAP * this.gap, SMALLEST_LABEL));
    this.root.style.setProperty("--label", `${this.label}px`);
    this.context = fitted(this.canvas).context;
    this.paintMaps();
    this.on.laidOut?.();
  }

  /** Lays all out anew, and paints the weights with the next frame. */
  redraw() {
    for (const line of this.lines) line.shown = NaN;
    for (const bias of this.biases) bias.shown = "";
    this.layout();
  }

  /** Whether a frame is of this network; the next one may be shown before there is a frame of it. */
  fits(frame) {
    const last = this.layers.at(-1);
    return frame.maps.shape[0] === this.neurons.length && frame.weights.data.length === last.bias + last.neurons;
  }

  /** Paints the heat maps of a frame. */
  paint(frame) {
    this.maps.paint(frame.maps.data);
    this.paintMaps();
  }

  paintMaps() {
    if (!this.context) return; // it was never in sight
    const half = HALF * this.unit - EDGE;
    this.neurons.forEach((node, n) => {
      const { x, y } = this.places.get(node);
      this.context.drawImage(this.maps.context.canvas, 0, n * SIDE, SIDE, SIDE, x - half, y - half, 2 * half, 2 * half);
    });
  }

  /** Paints the weights and biases of a frame. */
  paintWeights(frame) {
    const weights = frame.weights.data;
    for (const line of this.lines) {
      const weight = weights[line.index];
      if (Math.abs(weight - line.shown) < 0.004) continue; // nobody could see it
      line.shown = weight;
      line.visible.setAttribute("stroke", lineColor(weight));
      const wide = Math.min(0.5 + 1.2 * Math.abs(weight), WIDEST);
      line.visible.setAttribute("stroke-width", wide.toFixed(2));
      line.visible.parentNode.classList.toggle("thin", wide < THIN);
      line.title.textContent = `weight ${format(weight)}`;
    }
    for (const bias of this.biases) {
      const color = css(weights[bias.index]);
      if (color === bias.shown) continue;
      bias.shown = bias.node.style.backgroundColor = color;
      bias.node.title = `bias ${format(weights[bias.index])}`;
    }
  }

  /** Lights up some of the lines, those for which `isLit(line)` holds, or all alike without it. */
  light(isLit) {
    this.root.classList.toggle("dimmed", Boolean(isLit));
    for (const line of this.lines) line.visible.parentNode.classList.toggle("lit", Boolean(isLit?.(line)));
  }

  /** Marks what is selected. */
  mark({ layer, neuron, input }) {
    this.root.querySelectorAll(".selected").forEach((node) => node.classList.remove("selected"));
    const node = this.columns[layer + 1]?.[neuron];
    if (!node) return;
    if (input === null) node.classList.add("selected");
    else if (input === this.layers[layer].inputs) node.bias.classList.add("selected");
    else this.edges.querySelector(`[data-edge="${layer} ${neuron} ${input}"]`)?.classList.add("selected");
  }

  move(event) {
    const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    const { layer, neuron } = event.target.dataset ?? {};
    if (!steps || layer === undefined) return;
    event.preventDefault();
    const column = this.columns[Number(layer) + 1 + steps[0]] ?? [];
    column[Math.min(Number(neuron) + steps[1], column.length - 1)]?.focus();
  }
}
