// The picture: lays out what is shown of the graph and draws it, still without its numbers.

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const BOX_HEIGHT = 54;
const NUMBERS_WIDTH = 118;
const NUMBER_WIDTH = 58; // of most numbers on an edge, with the white around them, in this pass and later
const NUMBER_HEIGHT = 13;
const MOST_CLEARED = 150; // edges of a picture whose numbers are kept off the lines of others
const WIDER = [1, 1.25, 1.6, 2.1]; // gaps, until all numbers have a place
const BESIDE = [0, 0.6, 1.1]; // how far from its line a number may stand, in its heights, or widths where the graph runs down
const ROUNDS = 2; // a number that moved may have made room
const MOST_PORTS = 6; // the edges into a node with more arguments meet in one point

let items = []; // what is drawn: { node } or { behind: node }, with width, height, before, after, element
let itemOf = new Map(); // of nodes
let edges = []; // { from, to, uses, path, points, label }: the places in the arguments of `to` that it stands for
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
    const pill = { class: "box folded", role: "button", tabindex: "-1", "aria-label": `${item.text} before ${names[item.behind]}: show them` };
    return draw("g", pill, shapeOf("folded", w, h), text("centred", 0, 4, item.text), title("Click to show more of the graph"));
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
  const overview = text("overview", 0, 9, elided(label || op === undefined ? names[i] : symbolOf(op), 7));
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

// How far along its edge a number stands: in the middle of a lone edge, else near the end where fewer edges meet, but
// not on a box.
function labelShare(fromThere, intoThere, length) {
  const share = fromThere === 1 && intoThere === 1 ? 0.5 : fromThere < intoThere ? 0.3 : 0.7;
  const margin = Math.min(0.5, (down ? NUMBER_HEIGHT : NUMBER_WIDTH) / 2 / length);
  return Math.min(Math.max(share, margin), 1 - margin);
}

// The point of the curve that `pathOf` draws between two points.
function onCurve([[x0, y0], [x1, y1]], t) {
  const straight = (a, b) => (a * (1 - t) ** 3 + b * t ** 3) + 3 * t * (1 - t) * ((a + b) / 2);
  const bent = (a, b) => a + (b - a) * t * t * (3 - 2 * t);
  return down ? [bent(x0, x1), straight(y0, y1)] : [straight(x0, x1), bent(y0, y1)];
}

// Lay out what is shown, with gaps that are `widen` times as wide as usual. Returns how many numbers on edges lie on others'
// lines, or on a box or another number.
function arrange(widen) {
  const places = layout(items, down, widen);
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
      const edge = { from, to: v, path, points, uses: side ? [] : [position] };
      const twin = room === 0 && edges.findLast((other) => other.to === v && other.from === from && other.label);
      if (twin && !side) twin.uses.push(position);
      else if (!side) {
        const [start, end] = places.last(points, v);
        const share = labelShare(items[from].after.length, into.length, down ? end[1] - start[1] : end[0] - start[0]);
        const [labelX, labelY] = onCurve([start, end], share);
        Object.assign(edge, { labelX, labelY, label: text("derivative", 0, 0, "") });
      }
      edges.push(edge);
    });
  });
  separateLabels();
  return edges.length <= MOST_CLEARED ? clearLabels() : 0;
}

// Lay out and draw what is shown, wider where there is no room for all numbers.
function rebuild() {
  collect();
  graph.locals ??= differentiate(nodes, evaluate(nodes));
  down = runsDown(items, svg.clientWidth, svg.clientHeight);
  if (!WIDER.some((widen) => arrange(widen) === 0)) arrange(1);
  edges.forEach(({ label, labelX, labelY }) => {
    label?.setAttribute("x", labelX);
    label?.setAttribute("y", labelY + 3.5);
  });
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

// What stands on an edge: its number, and in a bundle those of its twins too, as of x in x + x.
function numberOn({ to, uses }, numberOf = (local) => local) {
  const numbers = uses.map((position) => short(numberOf(graph.locals[items[to].node][position])));
  const different = [...new Set(numbers)];
  return different.length < numbers.length && different.length === 1 ? `${numbers[0]} (${numbers.length}×)` : different.join(", ");
}

// The width of the number on an edge, with some white around it.
const widthOf = (edge) => 8 + 6.4 * numberOn(edge).length;

// Numbers on edges that would lie over each other keep a line's, or a number's, distance.
function separateLabels() {
  const [along, across] = down ? ["labelY", "labelX"] : ["labelX", "labelY"];
  const length = down ? NUMBER_HEIGHT : Math.max(NUMBER_WIDTH, ...edges.filter((edge) => edge.label).map(widthOf));
  const groups = [];
  let last = -Infinity;
  for (const edge of edges.filter((edge) => edge.label).sort((a, b) => a[along] - b[along])) {
    if (edge[along] - last >= length) groups.push([]);
    groups[groups.length - 1].push(edge);
    last = edge[along];
  }
  for (const group of groups) {
    group.sort((a, b) => a[across] - b[across]);
    const apart = (edge, k) => (down ? Math.max(NUMBER_WIDTH, (widthOf(edge) + widthOf(group[k])) / 2) : NUMBER_HEIGHT);
    const free = placed(group.map((edge) => edge[across]), group.map(() => 1), group.slice(1).map(apart));
    group.forEach((edge, k) => (edge[across] = free[k]));
  }
}

// A number that lies on the line of another edge, a box or a number moves along its own line to the nearest place that is
// free, or beside it. Returns how many find none.
function clearLabels() {
  const traces = edges.map(({ points }) => points.slice(1).flatMap((end, k) => trace(points[k], end)));
  const inside = (x, y, [u, v], width, height = NUMBER_HEIGHT + 2) => 2 * Math.abs(u - x) < width && 2 * Math.abs(v - y) < height;
  const ends = traces.map((points) => [0, 1].flatMap((axis) => [Math.min, Math.max].map((end) => end(...points.map((at) => at[axis])))));
  const isNear = ([left, right, top, bottom], x, y, width) => x + width / 2 > left && x - width / 2 < right && y + NUMBER_HEIGHT > top && y - NUMBER_HEIGHT < bottom;
  const widths = new Map(edges.filter((edge) => edge.label).map((edge) => [edge, widthOf(edge)])), numbers = [...widths];
  const isFree = (edge, x, y) => {
    const width = widths.get(edge);
    return ( // what is quickest to see comes first
      !items.some((item) => inside(x, y, [item.x, item.y], width + item.width, NUMBER_HEIGHT + item.height)) &&
      !numbers.some(([other, its]) => other !== edge && inside(x, y, [other.labelX, other.labelY], width + its, 2 * NUMBER_HEIGHT)) &&
      !traces.some((points, k) => edges[k] !== edge && isNear(ends[k], x, y, width) && points.some((point) => inside(x, y, point, width)))
    );
  };
  const crowded = () => edges.filter((edge) => edge.label && !isFree(edge, edge.labelX, edge.labelY));
  for (let round = 0; round < ROUNDS; round++) {
    for (const edge of crowded()) {
      const { labelX, labelY } = edge, width = widths.get(edge);
      const distance = ([x, y]) => Math.hypot(x - labelX, y - labelY);
      const beside = (far) => traces[edges.indexOf(edge)].map(([x, y]) => (down ? [x + far * width, y] : [x, y + far * NUMBER_HEIGHT]));
      const rows = BESIDE.map((far) => [...beside(far), ...beside(-far)].sort((a, b) => distance(a) - distance(b)));
      const place = rows.map((row) => row.find(([x, y]) => isFree(edge, x, y))).find((found) => found);
      if (place) [edge.labelX, edge.labelY] = place;
    }
  }
  return crowded().length;
}

// Points of a curve, so near to each other that a line of numbers does not fit between them.
function trace(start, end) {
  const count = Math.ceil(Math.hypot(end[0] - start[0], end[1] - start[1]) / 3) + 1;
  return Array.from({ length: count + 1 }, (_, k) => onCurve([start, end], k / count));
}
