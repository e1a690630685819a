// The page as a whole: what the user does goes to the server, what the server says goes into the views.

import { Changes } from "./changes.js";
import { Columns } from "./columns.js";
import { answerPaste, usePaste } from "./paste.js";
import { connect } from "./connection.js";
import { Controls, inWords } from "./controls.js";
import { Curves } from "./curves.js";
import { byId, format, indexed, percent, write } from "./dom.js";
import { Flow } from "./flow.js";
import { hoverOf } from "./hover.js";
import { Inspector } from "./inspector.js";
import { Lessons } from "./lesson.js";
import { linkQuery, readLink } from "./link.js";
import { layersOf, NetworkView } from "./network.js";
import { OutputView } from "./output.js";
import { Look } from "./present.js";
import { Rival } from "./rival.js";

const LIVE = 1000; // milliseconds between two looks inside while it trains: each takes some frames, and numbers want to be read
const NOTICE = 6000;
const SELDOM = 3; // frames

const page = {
  settings: null, playing: false, wasPlaying: false, query: "", frame: null, sample: 0, waiting: false, unshown: 0, shown: 0,
  selection: { layer: 0, neuron: 0, input: null },
};
let controls, network, output, curves, flow, hover, inspector, lessons, look, rival, noticeTimer, asked = false;
const changes = new Changes();

const request = connect({
  open(welcome) {
    if (!controls) build(welcome);
    byId("lost").hidden = true;
    const again = page.frame !== null; // the server was away: go on from what was shown last
    open(again ? linkQuery(page, inspector, [look, lessons]) : address());
    if (again && page.wasPlaying) play(true);
  },
  lost() {
    page.wasPlaying ||= page.playing;
    setPlaying(false);
    asked = false;
    changes.clear();
    byId("lost").textContent = "The connection to the server is lost: is it still running? Trying to reconnect…";
    byId("lost").hidden = false;
  },
  answer(message) {
    answers[message.type]?.(message);
  },
  frame(frame) {
    page.frame = frame;
    flow.end(); // its numbers were those of the frame before
    if (!page.waiting) requestAnimationFrame(show);
    page.waiting = true;
    page.unshown += 1;
  },
});

const answers = {
  settings(message) {
    const labels = Object.fromEntries(Object.entries(message.labels).map(([feature, label]) => [feature, indexed(label)]));
    const columns = new Columns(message.settings);
    Object.assign(page, { confirmed: message.settings, names: message.names.map(indexed), labels });
    inspector.columns = columns;
    if (byId("paste").open) answerPaste(message.settings, columns);
    changes.answered();
    page.frame = null; // the next one is of these settings
    page.sample = Math.max(Math.min(page.sample, message.train.length - 1), 0);
    output.sample = page.sample;
    output.build(message.train, message.test, message.settings, columns);
    inspector.landscape.build(page.names);
    document.body.classList.toggle("regression", message.settings.problem === "regression");
    inspector.setEmpty(message.train.length === 0);
    rebuild();
    refresh(true);
  },
  state(message) {
    page.query = message.query;
    setPlaying(message.playing);
    page.wasPlaying = false;
    if (!message.playing) refresh();
  },
  inspection(message) {
    asked = false;
    fresh();
    inspector.show(message);
  },
  flow(message) {
    if (changes.none) flow.show(message);
  },
  formula(message) {
    if (changes.none) (message.rival ? rival.hover : hover).formula(message);
  },
  landscape(message) {
    asked = false;
    fresh();
    inspector.landscape.show(message);
  },
  script(message) {
    asked = false;
    fresh();
    inspector.script(message);
  },
  error(message) {
    asked = false;
    const where = byId("paste").open ? byId("paste-error") : null;
    if (where) where.textContent = message.message;
    else notice(message.message, true);
    changes.refused(message.to);
    if (page.confirmed) rebuild(); // what was not possible is taken back
  },
  full(message) {
    notice(message.message, true);
  },
};

function send(type, rest = {}) {
  const isSent = request(type, rest);
  if (isSent) changes.sent(type, rest);
  return isSent;
}

/** What is inside is that of the network as it is. */
const fresh = () => document.body.classList.toggle("stale", changes.restart.any);

function build(welcome) {
  const { ranges, extent } = welcome;
  controls = new Controls(welcome, { change, speed: () => (page.playing ? play(true) : writeLink()) });
  network = new NetworkView(byId("network"), ranges.features.options, ranges.hidden, {
    select: (layer, neuron, input) => {
      if (inspector.tab === "landscape" || inspector.tab === "script") inspector.choose("graph");
      lookAt(layer, neuron, input);
      inspector.scrollIntoView();
    },
    features: (features) => change({ features }),
    hidden: (hidden) => change({ hidden }),
    laidOut: () => { flow?.draw(); rival?.follow(network); },
  });
  flow = new Flow(network, {
    ask: () => { hover.look(null); play(false); send("flow", { sample: page.sample }); },
    end: () => hover.again(),
  });
  output = new OutputView(extent, { sample: chooseSample, add: addPoint, drawn: (canvas) => rival?.drawPoints(canvas) });
  curves = new Curves(byId("curves"));
  const state = () => ({
    settings: page.settings, parameters: page.names, frame: page.frame, isBusy: flow.isOn,
  });
  const ask = (rival) => (layer, neuron) => changes.none && send("formula", { layer, neuron, rival });
  hover = hoverOf(network, output, state, ask(false));
  rival = new Rival(ranges, { change }, state, ask(true));
  inspector = new Inspector({
    copy, refresh: () => refresh(true), select: lookAt, sample: chooseSample, set: (index, number) => { send("set", { index, number }); refresh(true); },
    landscape: (first, second) => { asked = send("landscape", { first, second }); },
  });
  lessons = new Lessons(welcome.lessons, {
    open: (query) => { location.hash = `${query}&${kept()}`; },
    attempt: (changes) => { change(changes); reset(); },
    change: writeLink,
    panels: () => { look.set({ panels: true }); writeLink(); inspector.scrollIntoView(); byId(`tab-${inspector.tab}`).focus(); },
  });
  look = new Look({ change: repaint });
  repaint();
}

/** Draws everything anew, in other colours or sizes. */
function repaint() {
  controls.thumbnails();
  network.redraw();
  rival.redraw();
  for (const view of [output, curves, inspector.landscape]) view.draw();
  if (page.frame) show();
}

/** Paints the newest frame, and says so: the server sends no more frames than are shown. */
function show() {
  page.waiting = false;
  const { frame } = page;
  if (!frame || changes.restart.any) return acknowledge();
  // Lines and curves cost the most and move the least.
  const all = !page.playing || page.shown++ % SELDOM === 0;
  const [trainLoss, testLoss, trainRight, testRight] = frame.figures.data;
  const [rivalTrain, rivalTest] = frame.rival?.figures.data ?? [];
  if (!frame.steps) curves.clear();
  // They measure themselves, which costs a layout once anything else is changed.
  curves.add(frame.steps, { train: trainLoss, test: testLoss, rivalTrain, rivalTest }, all);
  output.paint(frame);
  if (network.fits(frame)) {
    network.paint(frame);
    if (all) {
      network.paintWeights(frame);
      hover.show();
    }
  }
  rival.paint(frame, all);
  write(byId("train-loss"), format(trainLoss, 3));
  write(byId("test-loss"), format(testLoss, 3));
  write(byId("train-accuracy"), percent(trainRight));
  write(byId("test-accuracy"), percent(testRight));
  write(byId("steps"), frame.steps.toLocaleString("en"));
  write(byId("epoch"), Math.floor(frame.epoch).toLocaleString("en"));
  acknowledge();
  if (!page.playing) writeLink();
}

function acknowledge() {
  for (; page.unshown > 0; page.unshown--) send("shown");
}

/** Takes away the numbers of what is no longer there, and says what is waited for. */
function awaitAnswer() {
  const { any, network: isOther } = changes.restart;
  document.body.classList.toggle("restarting", any);
  write(byId("busy"), !any ? "" : isOther ? `Compiling a network ${[page.settings.features.length, ...page.settings.hidden, 1].join("-")}…` : "Starting anew…");
  if (!any) return;
  document.body.classList.add("stale");
  flow.end();
  for (const node of document.querySelectorAll(".losses dd, .clock dd")) write(node, "…");
  curves.clear();
  curves.draw();
}

/** Shows the settings as they are with all changes, also those that the server has yet to answer. */
function rebuild() {
  page.settings = changes.on(page.confirmed);
  controls.build(page.settings);
  network.build(page.settings, page.labels);
  rival.build(page.settings, page.labels);
  output.surface.call(rival.isOn ? `First network: ${inWords(page.settings)}` : "Output");
  awaitAnswer();
  if (!exists(page.selection)) page.selection = { layer: 0, neuron: 0, input: null };
  network.mark(page.selection);
  hover.again();
}

function change(some) {
  if (send("change", { changes: some })) rebuild();
}

function reset() {
  if (send("reset")) rebuild();
}

function play(on) {
  if (!on) return send("pause");
  return send("play", { speed: Number(byId("speed").value) });
}

function setPlaying(playing) {
  page.playing = playing;
  document.body.classList.toggle("playing", playing);
  write(byId("play-name"), playing ? "Pause" : "Play");
}

function exists({ layer, neuron, input }) {
  const found = layersOf(page.settings)[layer];
  return found !== undefined && neuron < found.neurons && (input === null || input <= found.inputs);
}

function select(selection) {
  page.selection = selection;
  network.mark(selection);
  refresh(true);
}

function lookAt(layer, neuron, input) {
  select({ layer, neuron, input });
  chooseLandscape();
}

/** The landscape is over what was selected last, and a neighbour of it. */
function chooseLandscape() {
  const { layer: k, neuron, input } = page.selection, layer = layersOf(page.settings)[k];
  const first = layer.start + neuron * layer.inputs, bias = layer.bias + neuron;
  if (input === null) inspector.landscape.choose(first, layer.inputs > 1 ? first + 1 : bias);
  else if (input === layer.inputs) inspector.landscape.choose(bias, first);
  else inspector.landscape.choose(first + input, input ? first : bias);
}

function chooseSample(row) {
  page.sample = Math.max(row, 0);
  output.sample = page.sample;
  output.draw();
  if (flow.isOn) send("flow", { sample: page.sample });
  refresh(true);
}

/** Asks for what the open tab shows; while an answer is on its way only if it must be. */
function refresh(now = false) {
  if (page.frame && !page.playing) writeLink();
  if (!page.settings || !changes.none || (asked && !now)) return; // the answer to a change asks again
  if (inspector.tab === "script") asked = send("script");
  else if (inspector.empty) return;
  else if (inspector.tab === "landscape") inspector.landscape.ask();
  else asked = send("inspect", { ...page.selection, sample: page.sample });
}

setInterval(() => { if (page.playing && inspector.isLive && inspector.tab !== "script") refresh(); }, LIVE);

function addPoint(x1, x2) {
  const target = Number(document.querySelector('input[name="class"]:checked').value);
  change({ points: [...page.settings.points, [x1, x2, target]] });
}

// The link

const address = () => lessons.whole(location.hash.slice(1));

function open(query) {
  send("open", { query: readLink(query, page, inspector, [look, lessons]) });
}

function writeLink() {
  history.replaceState(null, "", `#${linkQuery(page, inspector, [look, lessons])}`);
}

/** How the page looks, for a link to something else. */
function kept() {
  const query = new URLSearchParams();
  look.write((name, text, usual) => { if (text !== usual) query.set(name, text); });
  return query.toString();
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    notice(done);
  } catch {
    notice("The browser did not allow to copy; copy it by hand.", true);
  }
}

function notice(text, isError = false) {
  const box = byId("notice");
  box.textContent = text;
  box.classList.toggle("error", isError);
  box.classList.add("shown");
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => box.classList.remove("shown"), NOTICE);
}

// What the user does

byId("play").onclick = () => play(!page.playing);
byId("step").onclick = () => send("step");
byId("reset").onclick = reset;
byId("link").onclick = () => { writeLink(); copy(location.href, `The link is copied; it holds all settings${rival.isOn ? ": both networks begin anew in it." : " and weights."}`); };
byId("show-test").onchange = () => { output.draw(); writeLink(); };
byId("discrete").onchange = () => { show(); writeLink(); };
byId("own-undo").onclick = () => change({ points: page.settings.points.slice(0, -1) });
byId("own-clear").onclick = () => change({ points: [], columns: [], classes: [], scales: [] });
usePaste({ paste: (text) => send("paste", { text }), change });
addEventListener("hashchange", () => open(address()));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("paste").open) return;
  if (event.key === "Escape") flow?.end();
  if (event.target.matches("select, textarea, input[type=number]")) return; // which take letters themselves
  ({ p: byId("play"), s: byId("step"), r: byId("reset"), b: byId("flow-start"), m: byId("present"), d: byId("theme"), e: byId("explain"), f: byId("full") })[event.key.toLowerCase()]?.click();
});
