// Which part of a large graph is shown, and what stands for the rest.

const SHOW_ALL = 300; // a graph of no more nodes is shown as a whole
const SHOW_FIRST = 90; // how much of a folded one is shown
const MOST_WEIGHTS = 8; // of a node, that are left out then
const SHOW_MORE = 40; // how much more at each click

// The immediate dominator of every node: the nearest one that all its ways to the output lead through.
// What a node dominates can be folded into it without hiding anything that matters elsewhere.
function dominators(nodes, users) {
  const last = nodes.length - 1;
  const dominator = new Array(nodes.length).fill(last);
  const depth = new Array(nodes.length).fill(0);
  for (let i = last - 1; i >= 0; i--) {
    dominator[i] = users[i].reduce((a, b) => {
      while (a !== b) {
        if (depth[a] > depth[b]) a = dominator[a];
        else b = dominator[b];
      }
      return a;
    });
    depth[i] = depth[dominator[i]] + 1;
  }
  return { dominator, depth };
}

// What is shown of a folded graph: the nodes with the fewest dominators, as many whole levels as there is room for,
// without the weights of neurons that have many.
function folded(nodes, users, depth) {
  const isWeight = (i) => !nodes[i].args && users[i].length === 1 && nodes[users[i][0]].args.length > MOST_WEIGHTS;
  const levels = [];
  depth.forEach((d, i) => isWeight(i) || (levels[d] ??= []).push(i));
  const shown = new Set();
  for (const level of levels) {
    if (shown.size > 1 && shown.size + level.length > SHOW_FIRST) break;
    for (const i of level.reverse().slice(0, SHOW_FIRST)) shown.add(i);
  }
  return shown;
}

// The hidden nodes behind a shown one, nearest first, and the shown nodes that they lead to.
function behind(nodes, shown, node) {
  const hidden = nodes[node].args?.filter((j) => !shown.has(j)) ?? [];
  const seen = new Set(hidden);
  const ends = new Set();
  const queue = [...seen];
  for (const i of queue) {
    for (const j of nodes[i].args ?? []) {
      if (shown.has(j)) ends.add(j);
      else if (!seen.has(j)) {
        seen.add(j);
        queue.push(j);
      }
    }
  }
  return { hidden: queue, ends };
}
