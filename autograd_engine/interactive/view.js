// Which part of the picture lies in the window.

const view = { x: 0, y: 0, scale: 1 };

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

// The part of the window that a graph may fill.
function free() {
  const [side, top] = [28, 12];
  return { left: side, top, width: svg.clientWidth - 2 * side, height: svg.clientHeight - 2 * top };
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
const reveal = (i) => bringIn(items[itemOf.get(i)]);

function bringIn(item) {
  const { left, top, width, height } = free();
  const into = (place, half, start, size) => Math.min(Math.max(place, start + half), start + size - half) - place;
  view.x += into(view.x + item.x * view.scale, (item.width / 2) * view.scale, left, width);
  view.y += into(view.y + item.y * view.scale, (item.height / 2) * view.scale, top, height);
  move();
}
