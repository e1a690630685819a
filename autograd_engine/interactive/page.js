// The page: draws the graph, follows the pointer and the keys, keeps the state.

const { nodes, rows } = JSON.parse(document.getElementById("data").textContent, (name, value) =>
  name === "data" && typeof value === "string" ? parsed(value) : value,
);
const LAST = nodes.length - 1;
const users = nodes.map(() => []);
nodes.forEach((node, i) => new Set(node.args).forEach((j) => users[j].push(i)));
const names = nodes.map((node) => node.name);
const isConstant = (i) => nodes[i].kind === "constant";
const isLeaf = (i) => nodes[i].op === undefined && !isConstant(i);
const original = nodes.map((node) => node.data);
const { dominator, depth } = dominators(nodes, users);

const graph = { nodes, rows, users, names, seed: 1 };
let shown = nodes.length <= SHOW_ALL ? new Set(nodes.keys()) : folded(nodes, users, depth);
let selected; // a node, or undefined
let step = Infinity; // how many steps of the backward pass are done; Infinity once it is over
let steps = [];
const view = { x: 0, y: 0, scale: 1 };

const byId = (id) => document.getElementById(id);
const svg = byId("graph");

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// --- the picture -------------------------------------------------------------------------------------------------

const BOX_HEIGHT = 54;
const NUMBERS_WIDTH = 118;
const MOST_PORTS = 6; // the edges into a node with more arguments meet in one point

let items = []; // what is drawn: { node } or { behind: node }, with width, height, before, after, element
let itemOf = new Map(); // of nodes
let edges = []; // { from, to, node, position, path, label }
let down = false; // from top to bottom rather than from left to right
let bounds = { x: 0, y: 0, width: 1, height: 1 };
let current = LAST; // the node that the Tab key reaches

// A dot alone would hardly be seen.
const symbolOf = (op) => elided(rows[op].symbol, 12).replace(/^·$/, "•");
const symbolWidth = (symbol) => (symbol.length <= 2 ? 30 : 14 + 6.6 * symbol.length);

function size(i) {
  if (isConstant(i)) return { width: 16 + 6.8 * short(nodes[i].data).length, height: 22 };
  const symbol = nodes[i].op === undefined ? 0 : symbolWidth(symbolOf(nodes[i].op));
  return { width: symbol + Math.max(NUMBERS_WIDTH, 16 + 6.8 * elided(names[i], 22).length), height: BOX_HEIGHT };
}

function collect() {
  items = [];
  itemOf = new Map();
  const add = (item) => items.push({ before: [], after: [], ...item }) - 1;
  for (let i = 0; i <= LAST; i++) {
    if (!shown.has(i)) continue;
    const before = [...new Set(nodes[i].args)].filter((j) => shown.has(j)).map((j) => itemOf.get(j));
    const { hidden, ends } = behind(nodes, shown, i);
    if (hidden.length) {
      const text = `+ ${hidden.length} more`;
      const pill = { behind: i, hidden, text, width: 18 + 6.6 * text.length, height: 24 };
      before.push(add({ ...pill, before: [...ends].map((j) => itemOf.get(j)) }));
    }
    itemOf.set(i, add({ node: i, ...size(i), before }));
  }
  items.forEach((item, v) => item.before.forEach((u) => items[u].after.push(v)));
}

function shapeOf(kind, w, h) {
  const box = { class: "shape", x: -w / 2, y: -h / 2, width: w, height: h };
  if (kind === "constant" || kind === "folded") return draw("rect", { ...box, rx: h / 2 });
  if (kind === "parameter") {
    const c = Math.min(9, h / 3);
    const d = `M${-w / 2},${-h / 2} H${w / 2 - c} l${c},${c} V${h / 2} H${-w / 2} Z m${w - c},0 v${c} h${c}`;
    return draw("path", { class: "shape", d });
  }
  return draw("rect", { ...box, rx: kind === "input" ? 0 : Math.min(8, h / 3) });
}

function text(style, x, y, content) {
  return draw("text", { class: style, x, y }, content);
}

function boxOf(item) {
  const { width: w, height: h } = item;
  if (item.behind !== undefined) {
    return draw("g", { class: "box folded" }, shapeOf("folded", w, h), text("centred", 0, 4, item.text), title("Click to show more of the graph"));
  }
  const i = item.node;
  const { kind, op, label } = nodes[i];
  const group = draw("g", { class: `box ${kind}`, "data-node": i });
  if (kind === "constant") {
    group.append(shapeOf(kind, w, h), text("centred", 0, 4, short(nodes[i].data)), title("a constant"));
    return group;
  }
  const halo = draw("rect", { class: "halo", x: -w / 2 - 4, y: -h / 2 - 4, width: w + 8, height: h + 8, rx: kind === "input" ? 2 : 11 });
  group.append(halo, shapeOf(kind, w, h));
  const near = draw("g", { class: "near" });
  let left = -w / 2 + 8;
  if (op !== undefined) {
    const symbol = symbolOf(op);
    const strip = symbolWidth(symbol);
    const large = symbol.length <= 2;
    near.append(text(large ? "symbol large" : "symbol", -w / 2 + strip / 2, large ? 8 : 4, symbol));
    near.append(draw("line", { class: "divider", x1: -w / 2 + strip, x2: -w / 2 + strip, y1: -h / 2 + 5, y2: h / 2 - 5 }));
    left += strip;
  }
  const right = w / 2 - 8;
  item.value = text("number", right, 4.5, "");
  item.gradient = text("number gradient", right, 19.5, "");
  near.append(text(label ? "name" : "unnamed", left, -11.5, elided(names[i], 22)));
  near.append(text("caption", left, 4.5, "data"), item.value, text("caption", left, 19.5, "grad"), item.gradient);
  const overview = text("overview", 0, 9, elided(label || op === undefined ? names[i] : symbolOf(op), 8));
  group.append(near, overview);
  group.setAttribute("role", "button");
  group.setAttribute("tabindex", "-1");
  return group;
}

function title(content) {
  return draw("title", {}, content);
}

function pathOf(points) {
  let d = `M${points[0][0]},${points[0][1]}`;
  for (let k = 1; k < points.length; k++) {
    const [[x0, y0], [x1, y1]] = [points[k - 1], points[k]];
    if (Math.abs(x0 - x1) < 0.5 || Math.abs(y0 - y1) < 0.5) d += ` L${x1},${y1}`;
    else if (down) d += ` C${x0},${(y0 + y1) / 2} ${x1},${(y0 + y1) / 2} ${x1},${y1}`;
    else d += ` C${(x0 + x1) / 2},${y0} ${(x0 + x1) / 2},${y1} ${x1},${y1}`;
  }
  return d.replace(/\.\d{2,}/g, (digits) => digits.slice(0, 2));
}

// How far along its edge a number stands: in the middle of a lone edge, else near the end where fewer edges meet.
function labelShare(fromThere, intoThere) {
  if (fromThere === 1 && intoThere === 1) return 0.5;
  return fromThere < intoThere ? 0.3 : 0.7;
}

// The point of the curve that `pathOf` draws between two points.
function onCurve([[x0, y0], [x1, y1]], t) {
  const straight = (a, b) => (a * (1 - t) ** 3 + b * t ** 3) + 3 * t * (1 - t) * ((a + b) / 2);
  const bent = (a, b) => a + (b - a) * t * t * (3 - 2 * t);
  return down ? [bent(x0, x1), straight(y0, y1)] : [straight(x0, x1), bent(y0, y1)];
}

// Lay out and draw what is shown.
function rebuild() {
  collect();
  down = runsDown(items, svg.clientWidth, svg.clientHeight);
  const places = layout(items, down);
  const across = down ? "x" : "y";
  edges = [];
  items.forEach((item, v) => {
    Object.assign(item, { x: places.x[v], y: places.y[v], column: places.column[v], element: boxOf(item) });
    item.element.setAttribute("transform", `translate(${item.x},${item.y})`);
  });
  items.forEach((item, v) => {
    // One edge per use, in the order of their origins.
    const fromNodes = (nodes[item.node]?.args ?? []).map((j, position) => ({ from: itemOf.get(j), position }));
    const direct = fromNodes.filter(({ from }) => from !== undefined);
    const others = item.before.filter((u) => item.behind !== undefined || items[u].behind !== undefined);
    const into = [...direct, ...others.map((from) => ({ from }))].sort((a, b) => items[a.from][across] - items[b.from][across]);
    const room = into.length > MOST_PORTS ? 0 : Math.min(down ? 36 : 12, ((down ? item.width : item.height) - 14) / Math.max(1, into.length - 1));
    into.forEach(({ from, position }, k) => {
      const height = item[across] + (k - (into.length - 1) / 2) * room;
      const points = places.route(from, v, height);
      const side = position === undefined || isConstant(items[from].node);
      const path = draw("path", { class: side ? "edge side" : "edge", d: pathOf(points) });
      const edge = { from, to: v, position, path };
      if (!side) {
        const [labelX, labelY] = onCurve(places.last(points, v), labelShare(items[from].after.length, into.length));
        Object.assign(edge, { labelX, labelY, label: text("derivative", 0, 0, "") });
      }
      edges.push(edge);
    });
  });
  separateLabels();
  byId("edges").replaceChildren(...edges.map((edge) => edge.path));
  byId("boxes").replaceChildren(...items.map((item) => item.element));
  byId("derivatives").replaceChildren(...edges.filter((edge) => edge.label).map((edge) => edge.label));
  bounds = boundsOf(items);
  if (!shown.has(current)) current = LAST;
  const values = nodes.length - nodes.filter((node) => node.kind === "constant").length;
  byId("unfold").hidden = shown.size === nodes.length;
  byId("unfold").textContent = `Show all ${values} nodes`;
  byId("fold").hidden = nodes.length <= SHOW_FIRST || shown.size < nodes.length;
}

// The box around some items.
function boundsOf(some) {
  const [left, top] = [Math.min(...some.map((q) => q.x - q.width / 2)), Math.min(...some.map((q) => q.y - q.height / 2))];
  const [right, bottom] = [Math.max(...some.map((q) => q.x + q.width / 2)), Math.max(...some.map((q) => q.y + q.height / 2))];
  return { x: left, y: top, width: right - left, height: bottom - top };
}

// Numbers on edges that would lie over each other keep a line's, or a number's, distance.
function separateLabels() {
  const [along, across, length, distance] = down ? ["labelY", "labelX", 13, 58] : ["labelX", "labelY", 58, 13];
  const groups = [];
  let last = -Infinity;
  for (const edge of edges.filter((edge) => edge.label).sort((a, b) => a[along] - b[along])) {
    if (edge[along] - last >= length) groups.push([]);
    groups[groups.length - 1].push(edge);
    last = edge[along];
  }
  for (const group of groups) {
    group.sort((a, b) => a[across] - b[across]);
    const free = placed(group.map((edge) => edge[across]), group.map(() => 1), group.slice(1).map(() => distance));
    group.forEach((edge, k) => {
      edge[across] = free[k];
      edge.label.setAttribute("x", edge.labelX);
      edge.label.setAttribute("y", edge.labelY + 3.5);
    });
  }
}

// Write the numbers of the present state into the picture, the bar and the panel.
function refresh() {
  graph.values = evaluate(nodes);
  graph.locals = differentiate(nodes, graph.values);
  ({ gradients: graph.gradients, steps } = sweep(nodes, graph.locals, graph.seed));
  const over = step > steps.length;
  const gradients = over ? graph.gradients : sweep(nodes, graph.locals, graph.seed, step).gradients;
  const passing = over || step === 0 ? undefined : steps[step - 1];
  const passingItem = passing === undefined ? undefined : shownFor(passing);
  for (const item of items) {
    if (item.behind !== undefined) continue;
    const { node: i, element } = item;
    if (isConstant(i)) continue;
    const gradient = gradients[i] ?? (over ? 0 : undefined);
    item.value.textContent = short(graph.values[i]);
    item.gradient.textContent = gradient === undefined ? "–" : short(gradient);
    element.setAttribute("data-value", exact(graph.values[i]));
    element.setAttribute("data-gradient", gradient === undefined ? "" : exact(gradient));
    element.setAttribute("tabindex", i === current ? "0" : "-1");
    element.setAttribute("aria-label", `${names[i]}, ${kindOf(i)}, data ${short(graph.values[i])}, gradient ${gradient === undefined ? "none yet" : short(gradient)}`);
    element.setAttribute("aria-pressed", String(i === selected));
    element.classList.toggle("selected", i === selected);
    element.classList.toggle("current", i === passingItem);
  }
  for (const { to, position, path, label } of edges) {
    if (!label) continue;
    const i = items[to].node;
    const local = graph.locals[i][position];
    const isPassing = i === passing;
    path.classList.toggle("passing", isPassing);
    label.classList.toggle("passing", isPassing);
    label.textContent = short(isPassing ? product(gradients[i] ?? 0, local) : local);
  }
  const bar = byId("step");
  bar.max = steps.length;
  bar.value = Math.min(step, steps.length);
  byId("count").textContent = over ? "done" : `${step} of ${steps.length}`;
  byId("first").disabled = byId("previous").disabled = step === 0;
  byId("next").disabled = byId("last").disabled = over;
  const folded = passing !== undefined && !shown.has(passing) ? " (in the folded part)" : "";
  byId("sentence").textContent = over
    ? `Done: every gradient is ∂${names[LAST]}/∂node. Step back to see how they came about.`
    : narration(graph, steps, step) + folded;
  refreshPanel();
}

const kindOf = (i) => (nodes[i].op === undefined ? nodes[i].kind : `${nodes[i].kind === "output" ? "output" : "result"} of ${rows[nodes[i].op].name}`);

// The shown node that stands for a node.
function shownFor(i) {
  while (!shown.has(i)) i = dominator[i];
  return i;
}

// --- the panel ----------------------------------------------------------------------------------------------------

const MOST_LEAVES = 100; // listed in the panel
let panelParts = () => {}; // brings the numbers of the panel up to date

let fields = 0;

// A field for a number of a node, with a line below that says what is wrong with what was typed. That stays as it is
// until one leaves the field or presses Escape; then the number that holds comes back. `show(x)` writes another one.
function field(what, i, value, onValue) {
  const id = `complaint-${fields++}`;
  const input = html("input", { type: "text", "aria-label": `${what} of ${names[i]}`, "aria-describedby": id, spellcheck: "false", autocomplete: "off", "data-edits": i });
  const complaint = html("span", { id, class: "complaint", role: "alert" });
  const judge = (wrong) => {
    input.setAttribute("aria-invalid", String(wrong));
    complaint.textContent = wrong ? advice(input.value) : "";
  };
  const show = (x) => {
    value = x;
    input.value = exact(x);
    judge(false);
  };
  const giveUp = () => input.getAttribute("aria-invalid") === "true" && (show(value), true);
  input.addEventListener("input", () => {
    const number = parsed(input.value);
    judge(number === undefined);
    if (number !== undefined) onValue((value = number));
  });
  input.addEventListener("blur", giveUp);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && giveUp()) event.stopPropagation(); // the next one leaves the node
  });
  show(value);
  return { input, complaint, show };
}

function edit(i, value) {
  nodes[i].data = value;
  refresh();
}

// Named before nameless, w2 before w10.
const collator = new Intl.Collator("en", { numeric: true });
const inOrder = (i, j) => Number(!nodes[i].label) - Number(!nodes[j].label) || collator.compare(names[i], names[j]);

function showPanel() {
  const panel = byId("panel");
  panel.scrollTop = 0;
  if (selected === undefined) {
    const leaves = [...nodes.keys()].filter(isLeaf).sort(inOrder);
    const table = leaves.slice(0, MOST_LEAVES).map((i) => {
      const gradient = html("td", { class: "number gradient" });
      const { input, complaint } = field("data", i, nodes[i].data, (x) => edit(i, x));
      const row = html("tr", {}, html("td", {}, html("button", { class: "link", onclick: () => select(i) }, names[i])), html("td", {}, input, complaint), gradient);
      return { i, gradient, row };
    });
    const result = html("dd", { id: "value" });
    panel.replaceChildren(
      html("h1", {}, names[LAST]),
      html("dl", {}, html("dt", {}, "value"), result),
      html("h2", {}, "Leaves"),
      html("table", {}, html("tr", {}, html("th", {}, "name"), html("th", {}, "data"), html("th", { class: "number" }, "gradient")), ...table.map(({ row }) => row)),
      ...(leaves.length > MOST_LEAVES ? [html("p", { class: "hint" }, `… and ${leaves.length - MOST_LEAVES} more: click them in the graph`)] : []),
      html("p", { class: "hint" }, "Change a number and everything follows. Click a node for its chain rule; point at it for its local derivatives."),
      html("p", {}, html("button", { onclick: reset }, "Reset the numbers")),
    );
    panelParts = () => {
      result.textContent = exact(graph.values[LAST]);
      for (const { i, gradient } of table) gradient.textContent = short(graph.gradients[i] ?? 0);
    };
  } else {
    const i = selected;
    const text = html("div");
    panel.replaceChildren(
      html("p", {}, html("button", { class: "link", onclick: () => select(undefined) }, "← all leaves")),
      html("h1", {}, names[i]),
      html("p", { class: "kind" }, kindOf(i)),
      ...(nodes[i].label && nodes[i].label !== names[i] ? [html("p", {}, elided(nodes[i].label, 1000))] : []),
      ...(isLeaf(i) ? [editor(i, "data", nodes[i].data, (x) => edit(i, x))] : []),
      ...(i === LAST ? [editor(i, "seed", graph.seed, (x) => ((graph.seed = x), refresh()))] : []),
      text,
      ...foldButtons(i),
    );
    panelParts = () => {
      text.replaceChildren(...explanation(graph, i, select));
    };
  }
  panelParts();
}

function editor(i, what, value, onValue) {
  const span = Number.isFinite(value) ? Math.max(1, Math.abs(value)) : 1;
  const middle = Number.isFinite(value) ? value : 0;
  const slider = html("input", { type: "range", min: middle - 2 * span, max: middle + 2 * span, step: span / 100, "aria-label": `${what} of ${names[i]}, slider` });
  slider.value = middle;
  const { input, complaint, show } = field(what, i, value, (x) => {
    slider.value = x;
    onValue(x);
  });
  slider.addEventListener("input", () => {
    const number = Number(slider.valueAsNumber.toPrecision(12));
    show(number);
    onValue(number);
  });
  return html("div", { class: "edit" }, html("label", {}, `${what} `, input), slider, complaint);
}

function foldButtons(i) {
  const { hidden } = behind(nodes, shown, i);
  const only = [...shown].filter((j) => j !== i && isDominated(j, i));
  return [
    ...(hidden.length ? [html("p", {}, html("button", { onclick: () => unfold(i) }, `Show ${Math.min(hidden.length, SHOW_MORE)} of ${hidden.length} hidden nodes`))] : []),
    ...(only.length > 4 && i !== LAST ? [html("p", {}, html("button", { onclick: () => fold(only, i) }, `Fold the ${only.length} nodes that lead only here`))] : []),
  ];
}

function isDominated(j, i) {
  while (depth[j] > depth[i]) j = dominator[j];
  return j === i;
}

const refreshPanel = () => panelParts();

// --- actions ------------------------------------------------------------------------------------------------------

function select(i) {
  selected = i;
  if (i !== undefined) {
    if (!shown.has(i)) {
      for (let j = i; !shown.has(j); j = dominator[j]) shown.add(j);
      rebuild();
    }
    current = i;
    reveal(i);
  }
  refresh();
  showPanel();
}

function reset() {
  nodes.forEach((node, i) => (node.data = original[i]));
  graph.seed = 1;
  refresh();
  showPanel();
}

function goTo(k) {
  step = k > steps.length ? Infinity : Math.max(0, k);
  refresh();
  if (step > 0 && step <= steps.length) reveal(shownFor(steps[step - 1]));
}

// Change what is shown, with `anchor` staying where it is on the screen.
function reshow(change, anchor) {
  const before = items[itemOf.get(anchor)];
  change();
  rebuild();
  const after = items[itemOf.get(anchor)];
  view.x += (before.x - after.x) * view.scale;
  view.y += (before.y - after.y) * view.scale;
  move();
  refresh();
  if (selected !== undefined) showPanel(); // whose buttons depend on what is shown
}

const unfold = (i) => reshow(() => behind(nodes, shown, i).hidden.slice(0, SHOW_MORE).forEach((j) => shown.add(j)), i);
const fold = (which, i) => reshow(() => which.forEach((j) => shown.delete(j)), i);

// --- moving about ---------------------------------------------------------------------------------------------------

function move() {
  byId("view").setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.scale})`);
  svg.classList.toggle("far", view.scale < 0.5);
}

function zoom(change, x = svg.clientWidth / 2, y = svg.clientHeight / 2) {
  const scale = Math.min(4, Math.max(0.005, view.scale * change));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  move();
}

const LEAST_SCALE = 0.005;
const LEGIBLE = 0.34; // the scale at which one can still read what a node is
const READABLE = 0.7; // the scale at which one can still read its numbers

// The part of the window that the buttons and the legend leave free.
function free() {
  const [tools, legend] = [document.querySelector(".tools"), document.querySelector(".legend")];
  const [side, top] = [28, tools.offsetTop + tools.offsetHeight + 12];
  return { left: side, top, width: svg.clientWidth - 2 * side, height: legend.offsetTop - 8 - top };
}

// How large a box of the picture can be drawn.
function scaleFor(box) {
  const { width, height } = free();
  return Math.max(LEAST_SCALE, Math.min(width / box.width, height / box.height));
}

function centre(box, scale) {
  const { left, top, width, height } = free();
  view.scale = scale;
  view.x = left + (width - box.width * scale) / 2 - box.x * scale;
  view.y = top + (height - box.height * scale) / 2 - box.y * scale;
  move();
}

const fit = () => centre(bounds, Math.min(1.6, scaleFor(bounds)));

// The whole graph, or where nobody could read that, its output with what is near.
function begin() {
  fit();
  if (view.scale >= LEGIBLE) return;
  const near = around(items[itemOf.get(LAST)]);
  centre(near, Math.min(1, Math.max(READABLE, scaleFor(near))));
  reveal(LAST);
}

// A box with an item and as many others, the nearest first, as can be read at once.
function around(item) {
  const distance = (other) => Math.hypot(other.x - item.x, other.y - item.y);
  let near = boundsOf([item]);
  const members = [];
  for (const other of [...items].sort((a, b) => distance(a) - distance(b))) {
    members.push(other);
    const larger = boundsOf(members);
    if (scaleFor(larger) < READABLE) break;
    near = larger;
  }
  return near;
}

// Bring a shown node into the window.
function reveal(i) {
  const item = items[itemOf.get(i)];
  const { left, top, width, height } = free();
  const into = (place, half, start, size) => Math.min(Math.max(place, start + half), start + size - half) - place;
  view.x += into(view.x + item.x * view.scale, (item.width / 2) * view.scale, left, width);
  view.y += into(view.y + item.y * view.scale, (item.height / 2) * view.scale, top, height);
  move();
}

function point(i) {
  svg.classList.toggle("pointing", i !== undefined);
  const hot = new Set(i === undefined ? [] : [itemOf.get(i)]);
  for (const { from, to, path, label } of edges) {
    const near = i !== undefined && (items[from].node === i || items[to].node === i);
    path.classList.toggle("hot", near);
    label?.classList.toggle("hot", near);
    if (near) hot.add(from).add(to);
  }
  items.forEach((item, k) => item.element.classList.toggle("hot", hot.has(k)));
}

// The neighbour of a node in the direction of an arrow key.
function neighbour(i, arrow) {
  const here = items[itemOf.get(i)];
  const across = down ? "x" : "y";
  const nearest = (candidates) =>
    candidates.sort((a, b) => Math.abs(a[across] - here[across]) - Math.abs(b[across] - here[across]))[0]?.node;
  const boxes = (indices) => indices.map((k) => items[k]).filter((item) => item.node !== undefined && !isConstant(item.node));
  if (arrow === (down ? "ArrowUp" : "ArrowLeft")) return nearest(boxes(here.before));
  if (arrow === (down ? "ArrowDown" : "ArrowRight")) return nearest(boxes(here.after));
  const side = arrow === "ArrowUp" || arrow === "ArrowLeft" ? -1 : 1;
  const column = boxes([...items.keys()]).filter((item) => item.column === here.column);
  return nearest(column.filter((item) => side * (item[across] - here[across]) > 0));
}

const boxAt = (target) => items.find((item) => item.element === target.closest?.(".box"));

let dragged; // where the pointer went down, and whether it has moved since
svg.addEventListener("pointerdown", (event) => {
  if (event.button === 0) dragged = { x: event.clientX, y: event.clientY, far: false };
});
addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const [dx, dy] = [event.clientX - dragged.x, event.clientY - dragged.y];
  if (!dragged.far && Math.hypot(dx, dy) < 4) return;
  svg.classList.add("dragged");
  view.x += dx;
  view.y += dy;
  dragged = { x: event.clientX, y: event.clientY, far: true };
  move();
});
addEventListener("pointerup", (event) => {
  const wasDragged = dragged?.far;
  dragged = undefined;
  svg.classList.remove("dragged");
  if (wasDragged || event.button !== 0 || !svg.contains(event.target)) return;
  const item = boxAt(event.target);
  if (item?.behind !== undefined) unfold(item.behind);
  else if (!item || !isConstant(item.node)) select(item?.node);
});
svg.addEventListener("pointerover", (event) => !dragged && point(boxAt(event.target)?.node));
svg.addEventListener("pointerleave", () => point(undefined));
svg.addEventListener("focusin", (event) => {
  const node = event.target.matches(":focus-visible") ? boxAt(event.target)?.node : undefined;
  point(node);
  if (node !== undefined) reveal(node);
});
svg.addEventListener("focusout", () => point(undefined));
svg.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 30 : 1;
    zoom(Math.exp(-event.deltaY * lines * 0.0015), event.clientX - box.left, event.clientY - box.top);
  },
  { passive: false },
);
svg.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const node = boxAt(event.target)?.node;
  const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else if ((event.key === "Enter" || event.key === " ") && node !== undefined) select(node);
  else if (pan && node !== undefined && !event.shiftKey) {
    const next = neighbour(node, event.key);
    if (next !== undefined) {
      items[itemOf.get(node)].element.setAttribute("tabindex", "-1");
      current = next;
      items[itemOf.get(next)].element.setAttribute("tabindex", "0");
      items[itemOf.get(next)].element.focus();
    }
  } else if (pan) {
    view.x += pan[0];
    view.y += pan[1];
    move();
  } else return;
  event.preventDefault();
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  step = Infinity;
  select(undefined);
});

byId("zoom-in").onclick = () => zoom(1.25);
byId("zoom-out").onclick = () => zoom(0.8);
byId("fit").onclick = fit;
byId("all-derivatives").onchange = (event) => svg.classList.toggle("with-derivatives", event.target.checked);
byId("unfold").onclick = () => (reshow(() => (shown = new Set(nodes.keys())), LAST), begin());
byId("fold").onclick = () => (reshow(() => (shown = folded(nodes, users, depth)), LAST), begin());
byId("first").onclick = () => goTo(0);
byId("previous").onclick = () => goTo(Math.min(step, steps.length + 1) - 1);
byId("next").onclick = () => goTo(step + 1);
byId("last").onclick = () => goTo(Infinity);
byId("step").oninput = (event) => goTo(event.target.valueAsNumber);

const kinds = ["input", "parameter", "constant", "result", "output"].filter((kind) => nodes.some((node) => node.kind === kind));
document.querySelector(".legend").append(
  ...kinds.map((kind) => {
    const sample = draw("g", { class: kind, transform: "translate(8,6)" }, shapeOf(kind, 16, 12));
    return html("li", {}, draw("svg", { width: 16, height: 12, "aria-hidden": "true" }, sample), kind);
  }),
);

rebuild();
refresh();
showPanel();
byId("all-derivatives").checked = edges.length <= 24;
svg.classList.toggle("with-derivatives", edges.length <= 24);
begin();
let resized = false;
new ResizeObserver(() => {
  if (resized) fit();
  resized = true;
}).observe(svg);
