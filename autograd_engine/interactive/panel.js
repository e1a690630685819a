// The panel beside the picture: the leaves and their numbers, or what there is to say about the selected node.

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

const spokenName = (element) => element.getAttribute("aria-label") ?? element.textContent;

// Do what writes the panel anew. A focus in it stays there: at what is named alike, or else at the way back.
function keepFocus(from, change) {
  const panel = byId("panel"), focused = document.activeElement, isHere = panel.contains(focused);
  change();
  if (!isHere) return;
  const places = [...panel.querySelectorAll("button, input, summary")];
  const called = (name) => places.find((place) => spokenName(place) === name);
  (called(spokenName(focused)) ?? called(from) ?? places[0]).focus();
}

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
      for (const { i, gradient } of table) gradient.textContent = shortOrNone(graph.arrived(i));
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
