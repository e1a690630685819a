// The page in use: writes the numbers, and follows the pointer, the keys and the buttons.

// Write the numbers of the present state into the picture, the bar and the panel.
function refresh() {
  graph.values = evaluate(nodes);
  graph.locals = differentiate(nodes, graph.values);
  ({ gradients: graph.gradients, steps } = sweep(nodes, graph.locals, graph.seed));
  const over = step > steps.length;
  const gradients = over ? graph.gradients : sweep(nodes, graph.locals, graph.seed, step).gradients;
  graph.arrived = (i) => gradients[i] ?? (over ? 0 : undefined);
  graph.passed = (i) => over || steps.indexOf(i) < step; // also where nothing passes at all
  const passing = over || step === 0 ? undefined : steps[step - 1];
  const passingItem = passing === undefined ? undefined : shownFor(passing);
  for (const item of items) {
    const { node: i, element } = item;
    if (item.behind !== undefined) {
      element.setAttribute("tabindex", "-1");
      continue;
    }
    if (isConstant(i)) continue;
    const gradient = graph.arrived(i);
    item.value.textContent = short(graph.values[i]);
    item.gradient.textContent = shortOrNone(gradient);
    element.setAttribute("data-value", exact(graph.values[i]));
    element.setAttribute("data-gradient", gradient === undefined ? "" : exact(gradient));
    element.setAttribute("tabindex", i === current ? "0" : "-1");
    element.setAttribute("aria-label", `${names[i]}, ${kindOf(i)}, data ${short(graph.values[i])}, gradient ${gradient === undefined ? "none yet" : short(gradient)}`);
    element.setAttribute("aria-pressed", String(i === selected));
    element.classList.toggle("selected", i === selected);
    element.classList.toggle("current", i === passingItem);
  }
  for (const edge of edges) {
    const i = items[edge.to].node;
    const isPassing = i === passing && !edge.path.classList.contains("side");
    edge.path.classList.toggle("passing", isPassing);
    edge.label?.classList.toggle("passing", isPassing);
    if (edge.label) edge.label.textContent = numberOn(edge, isPassing ? (local) => product(gradients[i] ?? 0, local) : undefined);
  }
  const bar = byId("step");
  bar.max = steps.length + 1; // done
  bar.value = Math.min(step, steps.length + 1);
  byId("count").textContent = over ? "done" : `${step} of ${steps.length}`;
  bar.setAttribute("aria-valuetext", byId("count").textContent);
  byId("first").disabled = byId("previous").disabled = step === 0;
  byId("next").disabled = byId("last").disabled = over;
  byId("next").classList.toggle("natural", !over);
  const folded = passing !== undefined && !shown.has(passing) ? " (in the folded part)" : "";
  byId("sentence").textContent = over
    ? `Done: every gradient is d ${names[LAST]}/d node. Step back to see how they came about.`
    : narration(graph, steps, step) + folded + (step === 0 ? " ▶ passes it back, node by node." : "");
  panelParts();
}

// Write all numbers anew, and the panel.
function describe(from = selected) {
  keepFocus(names[from], () => (refresh(), showPanel()));
}

function select(i) {
  const from = selected;
  selected = i;
  if (i !== undefined) {
    if (!shown.has(i)) {
      for (let j = i; !shown.has(j); j = dominator[j]) shown.add(j);
      rebuild();
    }
    current = i;
    reveal(i);
  }
  describe(from);
}

function reset() {
  nodes.forEach((node, i) => (node.data = original[i]));
  graph.seed = 1;
  describe();
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
  describe(); // buttons of the panel depend on what is shown
}

const unfold = (i) => reshow(() => behind(nodes, shown, i).hidden.slice(0, SHOW_MORE).forEach((j) => shown.add(j)), i);
const fold = (which, i) => reshow(() => which.forEach((j) => shown.delete(j)), i);

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

// What is drawn next to an item in the direction of an arrow key, and can be pressed.
function neighbour(here, arrow) {
  const across = down ? "x" : "y";
  const nearest = (candidates) =>
    candidates.sort((a, b) => Math.abs(a[across] - here[across]) - Math.abs(b[across] - here[across]))[0];
  const boxes = (indices) => indices.map((k) => items[k]).filter((item) => item.node === undefined || !isConstant(item.node));
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
  const item = event.target.matches(":focus-visible") ? boxAt(event.target) : undefined;
  point(item?.node);
  if (item) bringIn(item);
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
  const item = boxAt(event.target);
  const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else if ((event.key === "Enter" || event.key === " ") && item) {
    if (item.behind === undefined) select(item.node);
    else {
      current = item.behind; // which has the focus now that the pill is gone
      unfold(current);
      items[itemOf.get(current)].element.focus();
    }
  } else if (pan && item && !event.shiftKey) {
    const next = neighbour(item, event.key);
    if (next) {
      item.element.setAttribute("tabindex", "-1");
      current = next.node ?? next.behind; // where Tab comes back to
      next.element.setAttribute("tabindex", "0");
      next.element.focus();
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
// A button that can no longer be pressed hands the focus on: the keyboard would have to start anew from the top.
for (const [id, heir] of Object.entries({ first: "step", previous: "step", next: "step", last: "step", unfold: "fold", fold: "unfold" })) {
  byId(id).addEventListener("click", ({ target }) => (target.disabled || target.hidden) && byId(heir).focus());
}

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
byId("next").focus({ preventScroll: true, focusVisible: false });
let resized = false;
new ResizeObserver(() => {
  if (resized) fit();
  resized = true;
}).observe(svg);
