// A drawing in a window: fitted into it, nearer and farther, and moved with the mouse.

import { element } from "./dom.js";

const READABLE = 0.66; // of its own size a drawing is at least, unless it is fitted
const TOO_NARROW = 1.5; // windows wide, a readable drawing would show too little of itself: it is fitted then, as on a telephone
const NEARER = 1.25, LEAST = 0.1, MOST = 8;
const POINT = 4 / 3; // pixels, in which browsers measure

export class Zoom {
  /** `picture` is the window, which scrolls; `on.moved()` is called when it shows another part, `on.isSeen()` says whether what was chosen can be seen, and `on.reveal()` scrolls to it. */
  constructor(picture, on) {
    Object.assign(this, { picture, on, factor: null, isFitted: false });
    this.buttons = element("div", { class: "zoom" },
      element("button", { class: "small", "aria-label": "Farther", click: () => this.by(1 / NEARER) }, "−"),
      element("button", { class: "small", "aria-label": "Nearer", click: () => this.by(NEARER) }, "+"),
      element("button", { click: () => this.fit() }, "Fit"));
    picture.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    picture.addEventListener("pointerdown", (event) => this.grab(event));
    picture.addEventListener("keydown", (event) => {
      const act = { "+": () => this.by(NEARER), "-": () => this.by(1 / NEARER), 0: () => this.fit() }[event.key];
      if (act && !event.ctrlKey && !event.metaKey) act();
    });
  }

  /** Sizes a drawing: as large as fits but readable, unless one chose otherwise or would see little of it. */
  apply(drawing) {
    this.drawing = drawing;
    const width = POINT * parseFloat(drawing.getAttribute("width")), height = POINT * parseFloat(drawing.getAttribute("height"));
    const { clientWidth, clientHeight } = this.picture, style = getComputedStyle(this.picture);
    const room = (size, ...sides) => size - sides.reduce((sum, side) => sum + parseFloat(style[side]), 0);
    this.isFitted ||= this.factor === null && READABLE * width > TOO_NARROW * clientWidth;
    if (this.isFitted) {
      this.factor = Math.min(room(clientWidth, "paddingLeft", "paddingRight") / width, room(clientHeight, "paddingTop", "paddingBottom") / height, 1);
    }
    const chosen = this.factor !== null;
    drawing.style.width = chosen ? `${this.factor * width}px` : "";
    drawing.style.maxWidth = chosen ? "none" : "";
    drawing.style.minWidth = chosen ? "" : `${READABLE * width}px`;
  }

  /** Goes nearer or farther with a place of the window staying where it is: its middle, as far as what was chosen stays in sight. */
  by(times, x, y) {
    const { picture, drawing } = this, isFree = x === undefined;
    if (!drawing) return;
    const wasSeen = isFree && this.on.isSeen();
    if (isFree) [x, y] = [picture.clientWidth / 2, picture.clientHeight / 2];
    const before = drawing.getBoundingClientRect().width, natural = POINT * parseFloat(drawing.getAttribute("width"));
    this.factor = Math.min(Math.max((before / natural) * times, LEAST), MOST);
    this.isFitted = false;
    const [left, top] = [picture.scrollLeft + x, picture.scrollTop + y];
    this.apply(drawing);
    const grown = drawing.getBoundingClientRect().width / before;
    picture.scrollTo(left * grown - x, top * grown - y);
    if (wasSeen) this.on.reveal();
    this.on.moved();
  }

  fit() {
    if (!this.drawing) return;
    this.isFitted = true;
    this.apply(this.drawing);
    this.on.moved();
  }

  /** With Ctrl, as on maps, since the page itself scrolls without. */
  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = this.picture.getBoundingClientRect();
    this.by(event.deltaY < 0 ? NEARER : 1 / NEARER, event.clientX - box.left, event.clientY - box.top);
  }

  grab(down) {
    if (down.pointerType !== "mouse" || down.button !== 0) return; // fingers scroll by themselves
    const { picture } = this, { scrollLeft, scrollTop } = picture;
    const move = (event) => picture.scrollTo(scrollLeft - (event.clientX - down.clientX), scrollTop - (event.clientY - down.clientY));
    const end = () => {
      picture.removeEventListener("pointermove", move);
      picture.classList.remove("grabbed");
    };
    down.preventDefault();
    picture.focus({ preventScroll: true });
    picture.setPointerCapture(down.pointerId);
    picture.classList.add("grabbed");
    picture.addEventListener("pointermove", move);
    picture.addEventListener("pointerup", end, { once: true });
    picture.addEventListener("pointercancel", end, { once: true });
  }
}
