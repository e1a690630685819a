// "Play backward": one training point flows forward through the picture of the network, and the deltas flow back.

import { byId, element, format, show, svg, typeset, write } from "./dom.js";

const PAUSE = 1800; // milliseconds for a step, for one who reads
const FLOWING = 900; // of them something moves
const PLACES = 24; // of a line, between which what moves goes straight
const LETTER = 7 / 12, NODE = 10; // of the size of a label; letters of it that a neuron takes of the way from layer to layer
const DIGITS = 3;
const MIDDLE = 0.5; // of a line stands its label: there lines that meet at one neuron are apart enough

export class Flow {
  /** Shows its steps on the picture of a network; `on.ask()` asks the server for the numbers, `on.end()` says it is over. */
  constructor(network, on) {
    Object.assign(this, { network, on, steps: null, at: 0, timer: null });
    this.drawing = svg("svg", { class: "flow-lines", "aria-hidden": "true" });
    this.chips = element("div", { class: "chips", "aria-hidden": "true" });
    network.root.append(this.drawing, this.chips);
    byId("flow-start").onclick = () => (this.isOn ? this.end() : on.ask());
    byId("flow-play").onclick = () => this.play(this.timer === null);
    byId("flow-back").onclick = () => this.go(this.at - 1);
    byId("flow-next").onclick = () => this.go(this.at + 1);
    byId("flow-at").oninput = () => this.go(Number(byId("flow-at").value));
  }

  get isOn() {
    return this.steps !== null;
  }

  /** The answer to "flow"; it begins to play. */
  show(flow) {
    Object.assign(this, { flow, order: flow.order, steps: flow.steps });
    byId("flow-at").max = this.steps.length - 1;
    show(byId("flow-room"), this.steps.map(({ words }) => `<div>${words}</div>`).join(""));
    this.arrange();
    this.go(0);
    this.play(true);
  }

  /** The numbers are no longer those of the network. */
  end() {
    if (!this.isOn) return;
    this.play(false);
    this.steps = null;
    for (const node of [this.drawing, this.chips, byId("flow-room")]) node.replaceChildren();
    this.network.light(null);
    if (byId("flow").contains(document.activeElement)) byId("flow-start").focus();
    this.arrange();
    this.on.end();
  }

  arrange() {
    byId("flow").hidden = !this.isOn;
    byId("hovered").hidden = this.isOn;
    write(byId("flow-start"), this.isOn ? "End" : "Play backward");
  }

  play(on) {
    clearTimeout(this.timer);
    this.timer = on ? setTimeout(() => this.tick(), PAUSE) : null;
    write(byId("flow-play"), on ? "Pause" : "Go on");
  }

  tick() {
    this.move(this.at + 1);
    this.play(this.at < this.steps.length - 1);
  }

  /** Goes to a step by hand, and stays there. */
  go(step) {
    this.play(false);
    this.move(step);
  }

  move(step) {
    this.at = Math.min(Math.max(step, 0), this.steps.length - 1);
    byId("flow-at").value = this.at;
    byId("flow-at").setAttribute("aria-valuetext", `step ${this.at + 1} of ${this.steps.length}`);
    byId("flow-back").disabled = this.at === 0;
    byId("flow-next").disabled = this.at === this.steps.length - 1;
    show(byId("flow-words"), this.steps[this.at].words);
    this.draw(true);
  }

  /** Draws the step, after the network was laid out anew too. */
  draw(moving = false) {
    if (!this.isOn) return;
    const { network, steps, at } = this, step = steps[at];
    const lit = new Map(step.lines.map((line) => [`${line.k} ${line.j} ${line.i}`, line]));
    network.light(lit.size ? ({ k, j, i }) => lit.has(`${k} ${j} ${i}`) : null);
    this.drawing.setAttribute("viewBox", network.edges.getAttribute("viewBox"));
    const lines = network.lines.filter(({ k, j, i }) => lit.has(`${k} ${j} ${i}`));
    this.drawing.replaceChildren(...lines.map((line) => this.product(line, lit.get(`${line.k} ${line.j} ${line.i}`))));
    const runs = moving && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.chips.replaceChildren(...(runs ? lines.map((line) => this.pulse(line, step)) : []), ...this.numbers(step));
  }

  /** Something runs along a line, by its transform alone: browsers move that without a look at the page in between. */
  pulse({ visible }, { back }) {
    const pulse = element("div", { class: back ? "pulse back" : "pulse" }), total = visible.getTotalLength();
    const points = Array.from({ length: PLACES + 1 }, (_, i) => visible.getPointAtLength((total * i) / PLACES));
    const places = points.map(({ x, y }, i) => {
      const from = points[i - 1] ?? points[i], to = points[i + 1] ?? points[i];
      return { transform: `translate(${x}px, ${y}px) rotate(${Math.atan2(to.y - from.y, to.x - from.x)}rad)` };
    });
    pulse.animate(back ? places.reverse() : places, { duration: FLOWING, easing: "ease-in-out" }).onfinish = () => pulse.remove();
    return pulse;
  }

  /** The product at a line. */
  product({ visible }, { text, short }) {
    const { x, y } = visible.getPointAtLength(visible.getTotalLength() * MIDDLE);
    return svg("text", { class: "product", x, y, "text-anchor": "middle", "dominant-baseline": "central" },
      this.network.gap > LETTER * (text.length + NODE) * this.network.label ? typeset(text) : typeset(short));
  }

  /** The values and deltas that are known in a step, at their neurons. */
  numbers({ upTo, known }) {
    const { network, flow, order } = this, { places, columns } = network;
    const chip = (node, dy, ...parts) => {
      const made = element("div", { class: "chip" }, ...parts), { x, y } = places.get(node);
      [made.style.left, made.style.top] = [`${x}px`, `${y + dy * network.unit}px`];
      return made;
    };
    const on = columns[0].filter((node) => node.dataset.on === "true");
    const made = on.map((node, i) => chip(node, 23, element("b", {}, format(flow.inputs[i], DIGITS))));
    const deltas = new Set(order.slice(0, known).map(String));
    flow.outputs.forEach((layer, k) => layer.forEach((a, j) => {
      if (k > upTo[0] || (k === upTo[0] && j > upTo[1])) return;
      const parts = [element("b", {}, format(a, DIGITS))];
      if (deltas.has(`${k},${j}`)) parts.push(element("i", {}, format(flow.deltas[k][j], DIGITS)));
      made.push(chip(columns[k + 1][j], 0, ...parts));
    }));
    return made;
  }
}
