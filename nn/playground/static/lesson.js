// Lessons: settings in which something can be seen, with what to watch, what to try and why it is so.

import { byId, element, write } from "./dom.js";

export class Lessons {
  /** `on.open(query)` opens the settings of a lesson, `on.attempt(changes)` tries others in it, `on.panels()` shows what is not presented, `on.change()` the link changed. */
  constructor(lessons, on) {
    Object.assign(this, { lessons, on, name: "" });
    const options = Object.entries(lessons).map(([name, { title }]) => element("option", { value: name }, title));
    byId("lessons").replaceChildren(element("option", { value: "" }, "Lessons…"), ...options);
    byId("lessons").onchange = () => this.choose(byId("lessons").value);
    byId("lesson-panels").onclick = on.panels;
    byId("lesson-close").onclick = () => { this.choose(""); byId("lessons").focus(); };
  }

  choose(name) {
    const lesson = this.lessons[name];
    if (lesson) return this.on.open(`${lesson.query}&tab=${lesson.tab}&lesson=${name}`);
    this.show("");
    return this.on.change();
  }

  /** The query of a link. One that names a lesson and none of its settings is a link to them, too. */
  whole(query) {
    const all = new URLSearchParams(query), lesson = this.lessons[all.get("lesson")];
    if (!lesson || [...new URLSearchParams(lesson.query).keys()].some((name) => all.has(name))) return query;
    return `${query}&${lesson.query}&tab=${lesson.tab}`;
  }

  show(name) {
    const lesson = this.lessons[name];
    this.name = lesson ? name : "";
    byId("lessons").value = this.name;
    byId("lesson").hidden = !lesson;
    if (!lesson) return;
    byId("lesson-title").textContent = lesson.title;
    byId("lesson-watch").textContent = lesson.watch;
    byId("lesson-why").textContent = lesson.why;
    byId("lesson-why").parentNode.open = false;
    byId("lesson-panels").hidden = lesson.tab === "graph"; // its words speak of no tab
    write(byId("lesson-panels"), byId(`tab-${lesson.tab}`).textContent);
    byId("lesson-tries").replaceChildren(...lesson.tries.map(({ words, changes }) => element("button", { click: () => this.on.attempt(changes) }, words)));
  }

  read(take) {
    this.show(take("lesson") ?? "");
  }

  write(put) {
    put("lesson", this.name, "");
  }
}
