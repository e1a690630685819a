// What is inside: the graph of a neuron or a weight, its chain rule, the numbers of the optimiser, the deltas, the script.

import { css } from "./colors.js";
import { byId, element, format, indexed, plain, renew, show, typeset, write } from "./dom.js";
import { landscapeOf } from "./landscape.js";
import { Zoom } from "./zoom.js";

export const TABS = ["graph", "weights", "deltas", "landscape", "script"];
const MARGIN = 14; // pixels around the selected node

export class Inspector {
  /** `on.refresh()` asks for what the tab needs, `on.select(layer, neuron, input)`, `on.sample(row)`, `on.set(index, number)`, `on.landscape(first, second)`. */
  constructor(on) {
    Object.assign(this, { on, tab: "graph", shown: {} });
    this.landscape = landscapeOf({ ask: on.landscape });
    for (const name of TABS) {
      byId(`tab-${name}`).onclick = () => this.choose(name);
      byId(`tab-${name}`).onkeydown = (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = TABS[(TABS.indexOf(name) + step + TABS.length) % TABS.length];
        this.choose(next);
        byId(`tab-${next}`).focus();
      };
    }
    byId("value").onchange = () => this.set(byId("value"), this.found.parameters[this.found.input].index);
    byId("sample").onchange = () => on.sample(Math.round(Number(byId("sample").value)) - 1);
    this.picture = element("div", { class: "picture", tabindex: 0, role: "img", "aria-label": "Computation graph", scroll: () => this.edges() });
    this.frame = element("div", { class: "frame" }, this.picture);
    this.zoom = new Zoom(this.picture, { moved: () => this.edges(), isSeen: () => this.isSeen(), reveal: () => this.picture.scrollBy(...this.distance(false)) });
    this.further = element("p", { class: "hint", hidden: true }, "The graph is larger than this window: drag or scroll it, or click into it and use the arrow keys, + and −.");
    this.rule = element("div", { class: "rule", tabindex: 0, role: "region", "aria-label": "Chain rule" });
    byId("panel-graph").append(element("div", {}, this.frame, element("div", { class: "below" }, this.further, this.zoom.buttons)),
      element("div", { class: "derivation" }, this.rule, element("button", { click: () => this.on.copy(this.shown.rule, "The derivation is copied.") }, "Copy as text")));
    new ResizeObserver(() => this.edges()).observe(this.picture);
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target);
      if (this.isLive !== (this.isLive = seen.size > 0) && this.isLive) on.refresh();
    });
    for (const name of TABS) watch.observe(byId(`panel-${name}`));
    this.choose("graph");
  }

  /** Whether there is no point to look at, and so nothing to show but the script. */
  setEmpty(empty) {
    this.empty = empty;
    this.arrange();
  }

  choose(tab) {
    this.tab = tab;
    for (const name of TABS) {
      byId(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
      byId(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
    }
    this.arrange();
    this.on.refresh();
  }

  /** Hides what is of other tabs, or would be of points that are no longer there. */
  arrange() {
    const { tab } = this, nothing = this.empty && tab !== "script";
    for (const name of TABS) byId(`panel-${name}`).hidden = name !== tab || nothing;
    byId("nothing").hidden = !nothing;
    for (const id of ["sample-label", "sample-about", "selected"]) byId(id).hidden = nothing || tab === "landscape" || tab === "script";
    byId("value-label").hidden ||= byId("selected").hidden;
  }

  /** The network may fill the window; what one asked for by a click must not stay out of sight below it. */
  scrollIntoView() {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    document.querySelector(".inspector").scrollIntoView({ block: "nearest", behavior });
  }

  set(field, index) {
    if (field.value !== "") this.on.set(index, Number(field.value));
  }

  /** The answer to "inspect". */
  show(answer) {
    const parameters = answer.parameters.map((one) => ({ ...one, name: indexed(one.name), source: indexed(one.source) }));
    const found = this.found = { ...answer, parameters, name: indexed(answer.name) };
    const { layer, neuron, input, deltas } = found, last = layer === deltas.length - 1;
    const who = last ? "Output neuron" : `Layer ${layer + 1}, neuron ${neuron + 1}`;
    const what = input === null ? "" : input === found.parameters.length - 1 ? ", bias" : `, weight of ${found.parameters[input].source}`;
    write(byId("selected"), `${who}${what}: ${found.name}`);
    byId("value-label").hidden = input === null || byId("selected").hidden;
    if (input !== null) fill(byId("value"), found.parameters[input].value);
    byId("sample").max = found.samples;
    if (document.activeElement !== byId("sample")) byId("sample").value = found.sample + 1;
    write(byId("sample-of"), `of ${found.samples}`);
    write(byId("sample-about"), `${this.columns.point(found.point)}: output ${format(found.output)}, loss ${format(found.loss)}. ` +
      `${found.name} = ${format(found.value, 6)}, d loss/d ${found.name} = ${format(found.gradient, 6)}` +
      (input === null && !last ? `, d loss/d ${sum(layer, neuron)} = ${format(found.delta, 6)}.` : "."));
    this.graph(found);
    this.weights(found);
    this.deltas(found);
  }

  graph(found) {
    if (byId("panel-graph").hidden) { // what cannot be seen has no size to scroll by
      this.shown.svg = this.shown.node = null;
      return;
    }
    if (this.shown.svg !== found.svg) {
      this.shown.svg = found.svg;
      const drawing = new DOMParser().parseFromString(found.svg, "image/svg+xml").documentElement;
      const { scrollLeft, scrollTop } = this.picture, isOther = this.shown.node !== found.name, wasSeen = this.isSeen();
      this.shown.node = found.name;
      for (const text of drawing.querySelectorAll("text")) text.textContent = indexed(typeset(text.textContent));
      if (this.drawing) renew(this.drawing, document.importNode(drawing, true));
      else this.picture.append(this.drawing = document.importNode(drawing, true));
      this.zoom.apply(this.drawing);
      if (!isOther) this.picture.scrollTo(scrollLeft, scrollTop);
      if (isOther || wasSeen) this.picture.scrollBy(...this.distance(isOther)); // while it trains, its numbers become longer and shorter
      this.edges();
      this.picture.setAttribute("aria-label", `Computation graph of ${found.name}: the values, gradients and local derivatives are in the tab beside it, the chain rule is below`);
    }
    if (this.shown.rule !== found.rule) {
      this.shown.rule = found.rule;
      show(this.rule, found.math);
    }
  }

  /** How far the picture must be scrolled, to the right and down, to show the selected node, or to have it in the middle. */
  distance(inTheMiddle) {
    const label = [...this.picture.querySelectorAll(".node text")].find((text) => text.textContent === this.shown.node);
    if (!label) return [0, 0];
    const node = label.closest(".node").getBoundingClientRect(), window = this.picture.getBoundingClientRect();
    const way = (start, end, from, to) => {
      const margin = inTheMiddle ? (to - from - (end - start)) / 2 : MARGIN;
      return Math.min(start - margin - from, Math.max(end + margin - to, 0));
    };
    return [way(node.left, node.right, window.left, window.right), way(node.top, node.bottom, window.top, window.bottom)];
  }

  /** Whether the selected node is in sight, if with less around it, as at the ends of the drawing. */
  isSeen() {
    return this.distance(false).every((way) => Math.abs(way) <= MARGIN);
  }

  /** Shades the sides on which the picture goes on: not every system shows a scroll bar before one scrolls. */
  edges() {
    const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight } = this.picture;
    const [right, below] = [scrollWidth - clientWidth - scrollLeft, scrollHeight - clientHeight - scrollTop];
    const goesOn = { left: scrollLeft > 1, right: right > 1, above: scrollTop > 1, below: below > 1 };
    for (const [side, on] of Object.entries(goesOn)) this.frame.classList.toggle(side, on);
    this.further.hidden = !Object.values(goesOn).includes(true);
  }

  /** A row for each weight of the neuron, its value in a field; a field that is being edited is left alone. */
  weights(found) {
    const memories = Object.keys(found.parameters[0].memory);
    const key = JSON.stringify([found.layer, found.neuron, found.parameters.length, memories]);
    if (this.shown.table !== key) {
      this.shown.table = key;
      const head = ["weight", "input", "value", "gradient", "local derivative", ...memories];
      this.rows = found.parameters.map(({ index, name }, i) => {
        const field = element("input", { type: "number", step: "any", "aria-label": `Value of ${name}`,
          change: () => this.set(field, index) });
        const cells = head.slice(1).map(() => element("td"));
        cells[1].append(field);
        const choose = element("button", { class: "plain", title: `Look at ${name}`, click: () => this.on.select(found.layer, found.neuron, i) }, name);
        return { field, cells, row: element("tr", {}, element("th", { scope: "row" }, choose), ...cells) };
      });
      byId("panel-weights").replaceChildren(
        element("div", { class: "scroll" }, element("table", {},
          element("thead", {}, element("tr", {}, ...head.map((title) => element("th", { scope: "col" }, title)))),
          element("tbody", {}, ...this.rows.map(({ row }) => row)))),
        element("p", { class: "hint" }, "Click the name of a weight for its graph and its chain rule in the first tab. Gradients are those of this training point's loss; a step uses the mean over a batch. " +
          (memories.length ? `${memories.join(", ")}: what the optimiser remembers of each weight.` : "This optimiser remembers nothing from step to step; momentum or Adam do.")));
    }
    found.parameters.forEach((parameter, i) => {
      const { field, cells, row } = this.rows[i];
      row.classList.toggle("chosen", i === found.input);
      write(cells[0], `${parameter.source === "1" ? "" : `${parameter.source} = `}${format(parameter.input, 5)}`);
      fill(field, parameter.value);
      write(cells[2], format(parameter.gradient, 5));
      write(cells[3], format(parameter.input, 5));
      memories.forEach((name, m) => write(cells[4 + m], format(parameter.memory[name], 4)));
    });
  }

  deltas({ deltas, layer, neuron }) {
    const largest = Math.max(...deltas.flat().map((delta) => Math.abs(delta ?? 0)), 1e-300);
    const panel = byId("panel-deltas");
    const key = JSON.stringify(deltas.map((layer) => layer.length));
    if (this.shown.deltas !== key) {
      this.shown.deltas = key;
      this.bars = deltas.map((row, k) => row.map((_, j) => {
        const bar = element("i"), number = element("span");
        return { bar, number, item: element("div", { class: "delta" }, element("span", {}, sum(k, j)), element("div", { class: "track" }, bar), number) };
      }));
      this.means = deltas.map(() => element("p"));
      panel.replaceChildren(
        element("p", { class: "hint" }, "A neuron's delta is d loss / d z, z being the weighted sum that goes into its activation. Where the deltas shrink from layer to layer towards the inputs, the first layers learn slowly."),
        element("div", { class: "deltas" }, ...this.bars.map((row, k) => element("section", {},
          element("h3", {}, k === deltas.length - 1 ? "Output" : `Layer ${k + 1}`), this.means[k], ...row.map(({ item }) => item)))));
    }
    deltas.forEach((row, k) => {
      const size = Math.sqrt(row.reduce((total, delta) => total + delta ** 2, 0) / row.length);
      write(this.means[k], `root mean square ${format(size, 3)}`);
      row.forEach((delta, j) => {
        const { bar, number, item } = this.bars[k][j], share = Math.min(Math.abs(delta ?? 0) / largest, 1);
        bar.style.width = `${50 * share}%`;
        bar.style.left = delta < 0 ? `${50 - 50 * share}%` : "50%";
        bar.style.backgroundColor = css(delta < 0 ? -1 : 1);
        write(number, format(delta, 3));
        item.classList.toggle("chosen", k === layer && j === neuron);
      });
    });
  }

  script({ name, text }) {
    const code = element("pre", { class: "code", tabindex: 0, "aria-label": "Python script" }, text);
    byId("panel-script").replaceChildren(
      element("div", { class: "row" },
        element("button", { click: () => this.on.copy(text, "The script is copied.") }, "Copy"),
        element("a", { class: "button", download: name, href: URL.createObjectURL(new Blob([text], { type: "text/x-python" })) }, "Download"),
        element("button", { click: () => this.on.refresh() }, "Update")),
      code);
  }
}

/** Shows a number in a field, unless someone is just writing in it. */
function fill(field, number) {
  if (document.activeElement !== field) field.value = number === null ? "" : plain(number, 6);
}

/** The name of what goes into the activation of a neuron. */
const sum = (layer, neuron) => indexed(`z${layer + 1}[${neuron + 1}]`);
