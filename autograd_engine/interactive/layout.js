// A layered drawing (Sugiyama): columns from left to right, as few crossings as a few sweeps find, straight edges.
// A drawing from top to bottom is the same with x and y exchanged; this file speaks of columns and heights in both.

const NODE_GAP = 16; // between two boxes of a column
const BEND_GAP = 9; // next to an edge that passes through a column
const WIDEST_GAP = 200; // between two columns: else one would see nothing but edges where the numbers can be read

// The column of every item: results as far left as their arguments allow, leaves next to their first use.
function columns(items) {
  const column = new Array(items.length).fill(0);
  items.forEach((item, v) => {
    for (const u of item.before) column[v] = Math.max(column[v], column[u] + 1);
  });
  for (let v = items.length - 1; v >= 0; v--) {
    const { before, after } = items[v];
    if (after.length && before.every((u) => items[u].before.length === 0)) {
      column[v] = Math.min(...after.map((w) => column[w])) - 1;
    }
  }
  const first = Math.min(...column);
  return column.map((c) => c - first);
}

// Cells are items and bends. All edges from an item share one bend per column, up to where they leave it.
function cellsOf(items, column, heights) {
  const cells = items.map((_, i) => ({ item: i, column: column[i], height: heights[i], before: [], after: [] }));
  const bends = items.map(() => []);
  const link = (a, b) => {
    a.after.push(b);
    b.before.push(a);
  };
  items.forEach((item, v) => {
    for (const u of item.before) {
      let last = cells[u];
      for (let c = column[u] + 1; c < column[v]; c++) {
        if (!bends[u][c]) {
          bends[u][c] = { column: c, height: 0, before: [], after: [] };
          cells.push(bends[u][c]);
          link(last, bends[u][c]);
        }
        last = bends[u][c];
      }
      link(last, cells[v]);
    }
  });
  return { cells, bends };
}

// The cells column by column, in the order of a walk from the outputs, which draws a tree without crossings.
function firstOrder(cells, count) {
  const layers = Array.from({ length: count }, () => []);
  const seen = new Set();
  const stack = cells.filter((cell) => cell.after.length === 0).reverse();
  while (stack.length) {
    const cell = stack.pop();
    if (seen.has(cell)) continue;
    seen.add(cell);
    layers[cell.column].push(cell);
    stack.push(...[...cell.before].reverse());
  }
  return layers;
}

function number(layers) {
  for (const layer of layers) layer.forEach((cell, i) => (cell.position = i));
}

// How many pairs of edges cross between the columns.
function crossings(layers) {
  number(layers);
  let total = 0;
  for (const layer of layers) {
    const size = 1 + Math.max(0, ...layer.flatMap((cell) => cell.after.map((other) => other.position)));
    const tree = new Array(size + 1).fill(0); // a Fenwick tree of the ends so far
    let count = 0;
    for (const cell of layer) {
      const ends = cell.after.map((other) => other.position);
      for (const end of ends) {
        let notBeyond = 0;
        for (let k = end + 1; k > 0; k -= k & -k) notBeyond += tree[k];
        total += count - notBeyond;
      }
      for (const end of ends) {
        for (let k = end + 1; k <= size; k += k & -k) tree[k]++;
        count++;
      }
    }
  }
  return total;
}

// Sort each column by the mean place of the neighbours, to and fro; the best order seen wins.
function untangle(layers) {
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers);
  for (let round = 0; round < 16 && fewest > 0; round++) {
    const side = round % 2 ? "before" : "after";
    const order = round % 2 ? layers : [...layers].reverse();
    for (const layer of order) {
      for (const cell of layer) {
        const others = cell[side].length ? cell[side] : cell[side === "before" ? "after" : "before"];
        const places = others.map((other) => (other.position + 0.5) / layers[other.column].length);
        cell.rank = places.length ? places.reduce((a, b) => a + b) / places.length : 0.5;
      }
      layer.sort((a, b) => a.rank - b.rank);
      layer.forEach((cell, i) => (cell.position = i));
    }
    const found = crossings(layers);
    if (found < fewest) {
      fewest = found;
      best = layers.map((layer) => [...layer]);
    }
  }
  number(best);
  return best;
}

// The places nearest to the wished ones (least squares) that keep the order and the distances between neighbours:
// isotonic regression by pooling what would collide.
function placed(wishes, weights, distances) {
  const blocks = [];
  let offset = 0;
  const offsets = wishes.map((_, i) => (offset += i ? distances[i - 1] : 0));
  wishes.forEach((wish, i) => {
    let block = { weight: weights[i], sum: weights[i] * (wish - offsets[i]), count: 1 };
    while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight) {
      const before = blocks.pop();
      block = {
        weight: before.weight + block.weight,
        sum: before.sum + block.sum,
        count: before.count + block.count,
      };
    }
    blocks.push(block);
  });
  const means = blocks.flatMap((block) => new Array(block.count).fill(block.sum / block.weight));
  return means.map((mean, i) => mean + offsets[i]);
}

// Heights that make edges straight, long ones above all.
function straighten(layers, widen) {
  const gap = (a, b) => widen * (a.item === undefined || b.item === undefined ? BEND_GAP : NODE_GAP);
  const distance = (a, b) => (a.height + b.height) / 2 + gap(a, b);
  const isLeaf = (cell) => cell.before.length === 0;
  const weight = (a, b) => {
    const bent = (a.item === undefined) + (b.item === undefined);
    return [isLeaf(a) !== isLeaf(b) ? 0.15 : 1, 2, 8][bent];
  };
  for (const layer of layers) {
    const distances = layer.slice(1).map((cell, i) => distance(layer[i], cell));
    let y = -distances.reduce((a, b) => a + b, 0) / 2;
    layer.forEach((cell, i) => (cell.y = i ? (y += distances[i - 1]) : y));
    layer.distances = distances;
  }
  // To and fro, then by both sides, at last once more from the front, which makes the chains at the end straight.
  const rounds = [...Array(12).fill(["before", "after"]).flat(), ...Array(8).fill("both"), "before", "before"];
  rounds.forEach((side, round) => {
    for (const layer of side === "after" || (side === "both" && round % 2) ? [...layers].reverse() : layers) {
      const wishes = [];
      const weights = [];
      for (const cell of layer) {
        let total = 0;
        let sum = 0;
        const sides = side === "both" ? ["before", "after"] : [cell[side].length || round < 24 ? side : "after"];
        for (const neighbours of sides.map((name) => cell[name])) {
          for (const other of neighbours) {
            const w = weight(cell, other) / Math.sqrt(neighbours.length);
            total += w;
            sum += w * other.y;
          }
        }
        wishes.push(total ? sum / total : cell.y);
        weights.push(total || 0.01);
      }
      placed(wishes, weights, layer.distances).forEach((y, i) => (layer[i].y = y));
    }
  });
}

// Whether a graph is larger in a window of that size if it runs from top to bottom, not from left to right.
function runsDown(items, width, height) {
  const column = columns(items);
  const tallest = Math.max(...column.map((c) => column.filter((other) => other === c).length));
  const [length, breadth] = [1 + Math.max(...column), tallest];
  const scale = (w, h) => Math.min(1, width / w, height / h);
  return scale(breadth * 150, length * 95) > scale(length * 195, breadth * 70);
}

// Where the items go and how the edges run. An item has `width`, `height`, `before` and `after` (indices of the
// items that its edges come from and lead to, smaller ones before); the gaps are `widen` times as wide as usual. Returns
// x and y of the centres, the columns,
// `route(u, v, height)`: the points of the edge from u to v that arrives at that height, and `last`.
function layout(items, down, widen) {
  const thickness = items.map((item) => (down ? item.height : item.width));
  const heights = items.map((item) => (down ? item.width : item.height));
  const column = columns(items);
  const { cells, bends } = cellsOf(items, column, heights);
  const layers = untangle(firstOrder(cells, 1 + Math.max(...column)));
  straighten(layers, widen);

  const centres = [];
  const widths = layers.map((layer) => Math.max(0, ...layer.map((cell) => thickness[cell.item] ?? 0)));
  const gaps = layers.map((layer) => {
    const steepest = Math.max(0, ...layer.flatMap((cell) => cell.before.map((other) => Math.abs(other.y - cell.y))));
    return Math.min(190, (down ? 40 : 62) + steepest / 6);
  });
  // Where the columns are much taller than there are columns, wide gaps cost no room and make edges less steep.
  const total = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const tallest = Math.max(...layers.map((layer) => layer[layer.length - 1].y - layer[0].y));
  const stretch = Math.max(1, (0.8 * tallest - total(widths)) / total(gaps));
  layers.forEach((_, c) => {
    const gap = widen * Math.min(WIDEST_GAP, stretch * gaps[c]);
    centres.push(c ? centres[c - 1] + widths[c - 1] / 2 + gap + widths[c] / 2 : 0);
  });
  const y = items.map((_, i) => cells[i].y);

  function route(u, v, height) {
    const points = [[centres[column[u]] + thickness[u] / 2, y[u]]];
    const edgeOf = (c, side) => centres[c] + (side * widths[c]) / 2;
    if (thickness[u] < widths[column[u]]) points.push([edgeOf(column[u], 1), y[u]]);
    for (let c = column[u] + 1; c < column[v]; c++) {
      points.push([edgeOf(c, -1), bends[u][c].y], [edgeOf(c, 1), bends[u][c].y]);
    }
    if (thickness[v] < widths[column[v]]) points.push([edgeOf(column[v], -1), height]);
    points.push([centres[column[v]] - thickness[v] / 2, height]);
    return down ? points.map(([a, b]) => [b, a]) : points;
  }
  // The curved part at the end of a route.
  const last = (points, v) => (thickness[v] < widths[column[v]] ? points.slice(-3, -1) : points.slice(-2));
  const along = items.map((_, i) => centres[column[i]]);
  return { x: down ? y : along, y: down ? along : y, column, route, last };
}
