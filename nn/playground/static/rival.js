// A second network beside the first one, on the same points: with another optimiser, another rate, or other first weights.

import { fill, inWords, rates, spelled } from "./controls.js";
import { byId, element, format, percent, write } from "./dom.js";
import { Hover } from "./hover.js";
import { NetworkView } from "./network.js";
import { Surface } from "./surface.js";

const DRAWS = 6; // of first weights to choose from

export class Rival {
  /** `on.change(settings)`; `state()` is that of the first network, as its Hover takes it. */
  constructor(ranges, on, state, ask) {
    this.on = on;
    this.network = new NetworkView(byId("rival-network"), ranges.features.options, ranges.hidden, {}, true);
    this.surface = new Surface(byId("rival-surface"), byId("rival-output-title"));
    this.hover = new Hover(this.network, this.surface, byId("rival-hovered"), () => {
      const { frame, settings, ...rest } = state();
      return { ...rest, frame: frame?.rival, settings: { ...settings, optimizer: settings.rival_optimizer, lr: settings.rival_lr }, isBusy: false };
    }, ask);
    fill("rival_optimizer", ranges.optimizer.options.map((option) => [option, spelled(option)]));
    fill("rival_lr", rates());
    fill("rival_init", Array.from({ length: DRAWS }, (_, i) => [i, i ? `other ones, ${i}` : "the same"]));
    for (const name of ["rival_lr", "rival_init"]) byId(name).onchange = () => on.change({ [name]: Number(byId(name).value) });
    byId("rival_optimizer").onchange = () => on.change({ rival_optimizer: byId("rival_optimizer").value });
    byId("rival").onclick = () => on.change({ rival: this.isOn ? "no" : "yes" });
  }

  get isOn() {
    return this.settings?.rival === "yes";
  }

  build(settings, labels) {
    this.settings = settings;
    document.body.classList.toggle("versus", this.isOn);
    byId("rival").setAttribute("aria-pressed", String(this.isOn));
    for (const node of document.querySelectorAll(".rival")) node.hidden = !this.isOn;
    for (const name of ["rival_lr", "rival_init", "rival_optimizer"]) {
      const select = byId(name), value = String(settings[name]);
      if (![...select.options].some((option) => option.value === value)) select.append(element("option", { value }, value));
      select.value = value;
    }
    if (!this.isOn) return;
    const init = settings.rival_init ? ", other first weights" : "";
    this.surface.call(`Second network: ${inWords({ optimizer: settings.rival_optimizer, lr: settings.rival_lr })}${init}`);
    this.network.build(settings, labels);
    this.hover.again();
  }

  /** Paints its part of a frame, lines too where `all` is to be painted. */
  paint({ rival }, all) {
    if (!rival || !this.isOn || !this.network.fits(rival)) return;
    this.network.paint(rival);
    this.surface.paint(rival);
    if (all) {
      this.network.paintWeights(rival);
      this.hover.show();
    }
    const [trainLoss, testLoss, trainRight, testRight] = rival.figures.data;
    write(byId("rival-train-loss"), format(trainLoss, 3));
    write(byId("rival-test-loss"), format(testLoss, 3));
    write(byId("rival-train-accuracy"), percent(trainRight));
    write(byId("rival-test-accuracy"), percent(testRight));
  }

  /** Shows the points of the first network: they were drawn anew. */
  drawPoints(points) {
    const copy = byId("rival-points");
    [copy.width, copy.height] = [points.width, points.height];
    if (points.width) copy.getContext("2d").drawImage(points, 0, 0);
  }

  redraw() {
    if (this.isOn) this.network.redraw();
  }

  /** Keeps the second picture as small as the first, which has buttons below it. */
  follow({ root: { clientHeight } }) {
    this.network.root.style.maxHeight = `${clientHeight}px`;
  }
}
