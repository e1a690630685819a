// The dialog for points as CSV. Where their target is a number, it asks what is to be learnt of it.

import { byId, format } from "./dom.js";

const LONGEST = 24; // characters of a name
let ask = null; // what the buttons of the question do

/** `on.paste(text)`, `on.change(settings)`. */
export function usePaste(on) {
  byId("paste-open").onclick = () => {
    byId("paste-error").textContent = "";
    show(false);
    byId("paste").showModal();
  };
  byId("paste-use").onclick = (event) => {
    event.preventDefault(); // it closes once the server has taken the points
    byId("paste-error").textContent = "";
    on.paste(byId("paste-text").value);
  };
  byId("paste-classes").onclick = () => on.change({ problem: "classification", classes: ask });
}

/** The server has taken the points. */
export function answerPaste({ classes }, columns) {
  if (classes.length || !columns.hasNames) return byId("paste").close();
  const [name, [low, middle, high]] = [columns.names[2], [-1, 0, 1].map((y) => format(columns.real(2, y)))];
  ask = ["below", "above"].map((side) => `${side} ${middle}`.slice(0, LONGEST));
  byId("paste-question").textContent = `${name} is a number. What is to be learnt?`;
  byId("paste-answer").textContent = `It goes from ${low} to ${high}. The network can learn the number itself (regression), or ` +
    `only whether it is below or above ${middle} (classification).`;
  show(true);
  return byId("paste-number").focus();
}

function show(question) {
  byId("paste-ask").hidden = !question;
  byId("paste-form").hidden = question;
  byId("paste").setAttribute("aria-labelledby", question ? "paste-question" : "paste-title");
}
