// What the page knows and shows: the graph, which of its nodes are drawn, and how far the backward pass has come.

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
let step = 0; // how many steps of the backward pass are done; Infinity once it is over
let steps = [];

const byId = (id) => document.getElementById(id);
const svg = byId("graph");

const kindOf = (i) => (nodes[i].op === undefined ? nodes[i].kind : `${nodes[i].kind === "output" ? "output" : "result"} of ${rows[nodes[i].op].called}`);

// The shown node that stands for a node.
function shownFor(i) {
  while (!shown.has(i)) i = dominator[i];
  return i;
}
