// The part of the address behind #: the settings, which the server reads and writes, and what of the page is shown.

import { byId } from "./dom.js";
import { TABS } from "./inspector.js";

const CHECKS = ["show-test", "discrete"];

/** Shows what a link says about the page itself, to whose `parts` it leaves theirs; returns the rest of the query, which is the server's. */
export function readLink(query, page, inspector, parts) {
  const all = new URLSearchParams(query);
  const take = (name) => {
    const text = all.get(name);
    all.delete(name);
    return text;
  };
  const speed = take("speed"), tab = take("tab"), at = take("look"), sample = Number(take("point"));
  if ([...byId("speed").options].some((option) => option.value === speed)) byId("speed").value = speed;
  for (const id of CHECKS) byId(id).checked = take(id) === "1";
  if (sample >= 1) page.sample = Math.floor(sample) - 1;
  if (/^\d+\.\d+(\.\d+)?$/.test(at ?? "")) {
    const [layer, neuron, input = null] = at.split(".").map(Number);
    page.selection = { layer, neuron, input };
  }
  if (TABS.includes(tab)) inspector.choose(tab);
  for (const part of parts) part.read(take);
  return all.toString();
}

/** The whole state as a query: the server's settings, the weights where they are no longer the drawn ones, the page's. Two networks are to begin together. */
export function linkQuery(page, inspector, parts) {
  const all = new URLSearchParams(page.query), { frame, selection } = page;
  all.delete("weights");
  if (frame && !frame.fresh && !frame.rival && frame.weights.data.length === page.names.length && frame.weights.data.every((w) => Math.abs(w) <= 1e6)) {
    const { buffer, byteOffset, byteLength } = frame.weights.data;
    const bytes = String.fromCharCode(...new Uint8Array(buffer, byteOffset, byteLength));
    all.set("weights", btoa(bytes).replaceAll("+", "-").replaceAll("/", "_"));
  }
  const put = (name, text, usual) => { if (text !== usual) all.set(name, text); };
  put("speed", byId("speed").value, "1000");
  for (const id of CHECKS) put(id, byId(id).checked ? "1" : "", "");
  put("point", String(page.sample + 1), "1");
  put("look", Object.values(selection).filter((n) => n !== null).join("."), "0.0");
  put("tab", inspector.tab, "graph");
  for (const part of parts) part.write(put);
  return all.toString();
}
