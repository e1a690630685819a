// How the page looks: dark or light, large and without panels for a class to see, over the full screen.

import { usePalette } from "./colors.js";
import { byId, write } from "./dom.js";

const THEMES = ["light", "dark"];
const SWITCHES = ["present", "panels", "explain"];
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

export class Look {
  /** `on.change()` is called when everything has to be drawn anew. */
  constructor(on) {
    Object.assign(this, { on, theme: "", present: false, panels: false, explain: false });
    byId("theme").onclick = () => this.set({ theme: this.isDark ? "light" : "dark" });
    byId("full").onclick = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
    for (const name of SWITCHES) byId(name).onclick = () => this.set({ [name]: !this[name] });
    document.addEventListener("fullscreenchange", () => this.show());
    system.addEventListener("change", () => this.set({}));
    this.show();
  }

  get isDark() {
    return this.theme ? this.theme === "dark" : system.matches;
  }

  set(some) {
    Object.assign(this, some);
    this.show();
    this.on.change();
  }

  show() {
    root.dataset.theme = this.isDark ? "dark" : "light";
    usePalette(this.isDark);
    for (const name of SWITCHES) root.classList.toggle(name, this[name]);
    root.classList.toggle("bare", this.present && !this.panels);
    for (const name of SWITCHES) byId(name).setAttribute("aria-pressed", String(this[name]));
    byId("panels").hidden = !this.present;
    write(byId("theme"), this.isDark ? "Light" : "Dark");
    write(byId("full"), document.fullscreenElement ? "Leave full screen" : "Full screen");
  }

  /** What a link says: "theme" and the switches. */
  read(take) {
    const theme = take("theme");
    const switches = Object.fromEntries(SWITCHES.map((name) => [name, take(name) === "1"]));
    this.set({ theme: THEMES.includes(theme) ? theme : "", ...switches });
  }

  write(put) {
    put("theme", this.theme, "");
    for (const name of SWITCHES) put(name, this[name] ? "1" : "", "");
  }
}
