// The choices at the top and at the left: everything of the settings but the network itself.

import { css, styled } from "./colors.js";
import { byId, element, format } from "./dom.js";

const NAMES = {
  sgd: "gradient descent", momentum: "momentum", nesterov: "Nesterov", adagrad: "Adagrad", rmsprop: "RMSprop",
  adam: "Adam", adamw: "AdamW", none: "none", l1: "L1", l2: "L2", own: "own points",
};
const NUMBERS = {
  lr: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  rate: [0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
};
const SLIDERS = { noise: (x) => `${Math.round(x * 100)} %`, train: (x) => `${Math.round(x * 100)} %`, samples: String, batch: String };
const USUAL_SPEED = 1000;
const THUMBNAIL = 46, SHARP = 2, DOT = 1.6; // the side in pixels, and points of the image for one; the radius of a dot

export const spelled = (name) => NAMES[name] ?? name.replace("_", " ");

/** How a network is trained, in words. */
export const inWords = ({ optimizer, lr }) => `${spelled(optimizer)}, rate ${format(lr)}`;

/** The learning rates to choose from, as options. */
export const rates = () => NUMBERS.lr.map((number) => [number, String(number)]);

/** Fills a select with options [value, text]. */
export function fill(name, options) {
  byId(name).replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
}

export class Controls {
  /** `on.change(settings)`, `on.speed(steps a second)`. */
  constructor({ ranges, speeds, previews, extent }, on) {
    Object.assign(this, { on, extent, datasets: new Map() });
    for (const name of ["optimizer", "activation", "penalty", "problem"]) {
      fill(name, ranges[name].options.map((option) => [option, spelled(option)]));
      byId(name).onchange = () => on.change({ [name]: byId(name).value });
    }
    for (const name of Object.keys(NUMBERS)) {
      fill(name, NUMBERS[name].map((number) => [number, String(number)]));
      byId(name).onchange = () => on.change({ [name]: Number(byId(name).value) });
    }
    fill("speed", speeds.map((speed) => [speed, speed ? `${speed.toLocaleString("en")} steps/s` : "as fast as it goes"]));
    byId("speed").value = USUAL_SPEED;
    byId("speed").onchange = () => on.speed(Number(byId("speed").value));
    for (const [name, words] of Object.entries(SLIDERS)) {
      const slider = byId(name);
      slider.oninput = () => { byId(`${name}-shown`).value = words(Number(slider.value)); };
      slider.onchange = () => on.change({ [name]: Number(slider.value) });
    }
    byId("again").onclick = () => on.change({ seed: (this.settings.seed + 1) % (ranges.seed.high + 1) });
    byId("datasets").replaceChildren(...ranges.data.options.map((name) => this.dataset(name, previews[name])));
    byId("datasets").onkeydown = (event) => this.key(event);
  }

  dataset(name, preview) {
    const picture = element("img", { alt: "", width: THUMBNAIL, height: THUMBNAIL }); // a canvas would be a layer to put together with each frame
    const button = element("button", { role: "radio", "aria-label": spelled(name), title: spelled(name), click: () => this.choose(name) },
      picture, element("span", {}, name));
    this.datasets.set(name, { button, picture, preview });
    return button;
  }

  /** Uses a data set for what it is made for: targets that are all 1 or -1 are classes, and own points may be either. */
  choose(name) {
    const { preview } = this.datasets.get(name);
    const made = preview?.every(([, , target]) => Math.abs(target) === 1) ? "classification" : "regression";
    this.on.change({ data: name, problem: preview ? made : this.settings.problem });
  }

  thumbnails() {
    for (const name of this.datasets.keys()) this.thumbnail(name);
  }

  thumbnail(name) {
    const { picture, preview } = this.datasets.get(name), size = SHARP * THUMBNAIL, canvas = element("canvas", { width: size, height: size });
    const context = canvas.getContext("2d"), at = (x) => ((x / this.extent + 1) / 2) * THUMBNAIL;
    context.scale(SHARP, SHARP);
    for (const [x1, x2, target] of preview ?? this.settings?.points ?? []) {
      context.beginPath();
      context.arc(at(x1), at(-x2), DOT, 0, 2 * Math.PI);
      context.fillStyle = css(target);
      context.fill();
    }
    if (!preview && !this.settings?.points.length) {
      context.font = `${THUMBNAIL * 0.6}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.fillStyle = styled("--quiet");
      context.fillText("+", THUMBNAIL / 2, THUMBNAIL * 0.7);
    }
    picture.src = canvas.toDataURL();
  }

  /** Arrow keys choose among the data sets, as among radio buttons. */
  key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const names = [...this.datasets.keys()], n = names.length;
    const name = names[(names.indexOf(this.settings.data) + step + n) % n];
    this.datasets.get(name).button.focus();
    this.choose(name);
  }

  /** Shows other settings. */
  build(settings) {
    this.settings = settings;
    for (const name of ["optimizer", "activation", "penalty", "problem"]) byId(name).value = settings[name];
    for (const name of Object.keys(NUMBERS)) {
      const select = byId(name), value = String(settings[name]);
      if (![...select.options].some((option) => option.value === value)) {
        select.append(element("option", { value }, format(settings[name])));
      }
      select.value = value;
    }
    for (const [name, words] of Object.entries(SLIDERS)) {
      byId(name).value = settings[name];
      byId(`${name}-shown`).value = words(settings[name]);
    }
    byId("rate").disabled = settings.penalty === "none";
    const own = settings.data === "own";
    byId("noise").disabled = byId("samples").disabled = own;
    for (const [name, { button }] of this.datasets) {
      const chosen = name === settings.data;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    this.thumbnail("own");
  }
}
