// What the panel says about a node, in words and numbers. All text reaches the page as text, never as markup.

const MOST_ROWS = 40; // of a table in the panel

function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const span = (style, text) => html("span", { class: style }, text);

// A formula that is broken between numbers and factors only, that is, at spaces outside "d y/d x" and "∂f(x, y)/∂x".
const unbroken = (text) => text.split(/(d \S+\/d \S+|∂.+?\/∂\S+|\S+)/).map((part) => (part.trim() ? span("whole", part) : part));

// The same with its derivatives as fractions.
const formulaOf = (text) => html("span", { class: "formula", "data-text": text }, ...unbroken(text).map((part) => fraction(part.textContent) ?? part));

const MATHML = new DOMParser().parseFromString("<math>", "text/html").querySelector("math").namespaceURI;

function math(tag, ...children) {
  const element = document.createElementNS(MATHML, tag);
  element.append(...children);
  return element;
}

// d y/d x or ∂y/∂x as MathML; undefined for anything else.
function fraction(text) {
  const [, d, above, below] = text?.match(/^(d |∂)(.+)\/\1(.+)$/) ?? [];
  if (!d) return undefined;
  const part = (name) => math("mrow", math("mi", d.trim()), space(), nameOf(name));
  const whole = math("math", math("mfrac", part(above), part(below)));
  whole.setAttribute("displaystyle", "true");
  return whole;
}

function space() {
  const element = math("mspace");
  element.setAttribute("width", "0.12em");
  return element;
}

// A name, with its number as an index where it ends in one.
function nameOf(name) {
  const [, stem, digits] = name.match(/^(\p{L}+)(\d+)$/u) ?? [];
  return stem ? math("msub", math("mi", stem), math("mn", digits)) : math("mi", name);
}
const paragraph = (...children) => html("p", {}, ...children);

// `graph` has nodes, users, names, values, locals, gradients and the seed, and says what of them has `arrived` and which
// nodes have `passed` theirs on; `select(i)` shows another node.
function explanation(graph, i, select) {
  const { nodes, names, values, locals, gradients } = graph;
  const link = (j) =>
    nodes[j].kind === "constant" ? short(values[j]) : html("button", { class: "link", onclick: () => select(j) }, names[j]);
  const node = nodes[i];
  const parts = [
    html(
      "dl",
      {},
      ...[html("dt", {}, "value"), html("dd", { id: "value" }, exact(values[i]))],
      ...[html("dt", {}, "gradient"), html("dd", { id: "gradient", class: "gradient" }, graph.arrived(i) === undefined ? "–" : exact(graph.arrived(i)))],
    ),
  ];
  if (node.op !== undefined) parts.push(...howComputed(graph, i, link), ...howPassed(graph, i, link));
  parts.push(html("h2", {}, "Chain rule"), ...chainRule(graph, i, link));
  return parts;

  function howComputed() {
    const row = graph.rows[node.op];
    return [
      html("h2", {}, "Value"),
      paragraph(formulaOf(`${names[i]} = ${formula(row, node.args.map((j) => operandName(j)))}`)),
      paragraph(formulaOf(`= ${formula(row, node.args.map((j) => factor(values[j])))} = ${short(values[i])}`)),
      html("h2", {}, `The rule of ${row.called}`),
      html("div", { class: "formula" }, document.querySelector(`template[data-rule="${CSS.escape(node.op)}"]`).content.cloneNode(true)),
      html("details", {}, html("summary", {}, "as text, and as computed"), html("pre", {}, ...row.rule.replaceAll("-", "−").split("\n").map((line) => html("span", { class: "line" }, ...unbroken(line))))),
    ];
  }

  function operandName(j) {
    return nodes[j].kind === "constant" ? factor(values[j]) : names[j];
  }

  function howPassed() {
    const rows = node.args
      .map((j, position) => [j, locals[i][position]])
      .filter(([j]) => nodes[j].kind !== "constant")
      .map(([j, local]) =>
        html(
          "tr",
          {},
          html("td", {}, link(j)),
          html("td", { class: "number" }, short(values[j])),
          html("td", { class: "number derivative-number" }, short(local)),
          html("td", { class: "number gradient" }, graph.passed(i) ? short(product(gradients[i] ?? 0, local)) : "–"),
        ),
      );
    if (!rows.length) return [];
    const head = ["argument", "value", "local derivative", "passes back"];
    return [
      html("h2", {}, "Local derivatives"),
      html("table", {}, html("tr", {}, ...head.map((text, k) => html("th", k ? { class: "number" } : {}, text))), ...rows.slice(0, MOST_ROWS)),
      ...(rows.length > MOST_ROWS ? [paragraph(span("hint", `… and ${rows.length - MOST_ROWS} more`))] : []),
      paragraph(span("hint", `What is passed back is the gradient of ${names[i]} times the local derivative.`)),
    ];
  }

  function chainRule() {
    const out = names[nodes.length - 1];
    if (i === nodes.length - 1) {
      return [paragraph(`${out} is the output. The backward pass starts here, with the seed ${short(graph.seed)}.`)];
    }
    const uses = graph.users[i].flatMap((user) =>
      nodes[user].args.flatMap((j, position) => (j === i ? [{ user, local: locals[user][position] }] : [])),
    );
    const sent = uses.map(({ user, local }) => product(gradients[user] ?? 0, local));
    const symbols = uses.map(({ user }) => `d ${out}/d ${names[user]} · ∂${names[user]}/∂${names[i]}`);
    const numbers = uses.map(({ user, local }) => `${factor(gradients[user] ?? 0)}·${factor(local)}`);
    const rule = paragraph(formulaOf(`d ${out}/d ${names[i]} = ${joined(symbols, " + ")}`));
    if (!uses.every(({ user }) => graph.passed(user))) {
      return [rule, paragraph(span("hint", "Its numbers stand here once the backward pass has come to them."))];
    }
    const parts = [
      rule,
      paragraph(formulaOf(`= ${joined(numbers, " + ")} = ${short(sent.reduce((a, b) => a + b, 0))}`)),
    ];
    const users = [...new Set(uses.map(({ user }) => user))];
    const [{ user, local }] = uses;
    if (uses.length === 1) {
      parts.push(
        paragraph(`${names[i]} acts on ${out} only through `, link(user), `. If ${names[i]} grows by a small ε, ${names[user]} changes by ${short(local)} ε.`),
      );
      if (user !== nodes.length - 1) {
        parts.push(paragraph(`For each unit that ${names[user]} changes, ${out} changes by ${short(gradients[user] ?? 0)}: so it changes by ${short(sent[0])} ε in all.`));
      }
    } else {
      const most = users.slice(0, 12).flatMap((j, k) => (k ? [", ", link(j)] : [link(j)]));
      parts.push(
        paragraph(`${names[i]} is used ${uses.length} times, in `, ...most, users.length > 12 ? ` and ${users.length - 12} more` : "", ". A small change acts over every way at once, so what comes back over the ways is added up."),
      );
    }
    if (uses.every(({ user }) => !gradients[user])) parts.push(paragraph(span("hint", "Nothing comes back: the gradients of its uses are 0.")));
    return parts;
  }
}

// The strong zero: nothing times anything is nothing.
const product = (gradient, local) => (gradient === 0 || local === 0 ? 0 : gradient * local);

// What a step of the backward pass does; step 0 is the seed.
function narration(graph, steps, k) {
  const { nodes, names, values, locals } = graph;
  const out = names[nodes.length - 1];
  if (k === 0) return `Start: d ${out}/d ${out} is the seed, ${short(graph.seed)}. Nothing else has a gradient yet.`;
  const i = steps[k - 1];
  const before = sweep(nodes, locals, graph.seed, k - 1).gradients;
  const sums = [...before];
  const sentences = [];
  nodes[i].args.forEach((j, position) => {
    if (nodes[j].kind === "constant") return;
    const local = locals[i][position];
    const contribution = product(before[i], local);
    const first = sums[j] === undefined;
    sums[j] = (sums[j] ?? 0) + contribution;
    const total = first ? "" : `, together ${short(sums[j])}`;
    sentences.push(`${names[j]} gets ${factor(before[i])} × ${factor(local)} = ${short(contribution)}${total}`);
  });
  return `${names[i]} (${graph.rows[nodes[i].op].symbol}) passes its gradient ${short(before[i])} on: ${joined(sentences, "; ")}.`;
}
