// The chain rule, as autograd_engine/graph.py has it: once, in a fixed order, with the strong zero.

const forward = Object.create(null); // the value of a row at its inputs
const partials = Object.create(null); // its local derivatives, at its value and its inputs

// The value of every node. Nodes stand behind their arguments; a leaf has `data`, a result `op` and `args`.
function evaluate(nodes) {
  const values = new Array(nodes.length);
  nodes.forEach((node, i) => {
    values[i] = node.op === undefined ? node.data : forward[node.op](...node.args.map((j) => values[j]));
  });
  return values;
}

// The local derivatives of every node, one per argument; none for a leaf.
function differentiate(nodes, values) {
  return nodes.map((node, i) =>
    node.op === undefined ? [] : partials[node.op](values[i], ...node.args.map((j) => values[j])),
  );
}

// Carry `seed` back from the last node through at most `limit` nodes that pass something on.
// Returns the gradients (undefined where nothing has arrived) and the nodes in the order of the pass.
function sweep(nodes, locals, seed, limit = Infinity) {
  const gradients = new Array(nodes.length);
  const steps = [];
  gradients[nodes.length - 1] = seed;
  for (let i = nodes.length - 1; i >= 0 && steps.length < limit; i--) {
    const node = nodes[i];
    if (node.op === undefined || gradients[i] === undefined || gradients[i] === 0) continue;
    steps.push(i);
    node.args.forEach((j, position) => {
      if (nodes[j].kind === "constant" || locals[i][position] === 0) return;
      const contribution = gradients[i] * locals[i][position];
      gradients[j] = gradients[j] === undefined ? contribution : gradients[j] + contribution;
    });
  }
  return { gradients, steps };
}
