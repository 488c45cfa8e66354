// What the recognizer knows: its own sentence, and its labels, which are all that it can answer.

import { make } from "/static/dom.js";

// More labels than these are folded.
const SHOWN = 12;

export const count = (classes) => `${classes.length} label${classes.length === 1 ? "" : "s"}`;

export function knowledge({ classes, about }) {
  const sentence = about ? [make("span", {}, `${about} `)] : [];
  const words = classes.flatMap((name, number) => [number ? ", " : "", make("bdi", {}, name)]);
  if (classes.length <= SHOWN) {
    return [...sentence, `It knows ${count(classes)}: `, make("span", { className: "names" }, ...words), "."];
  }
  const all = make("details", {}, make("summary", {}, `It knows ${count(classes)}`), make("p", { className: "names" }, ...words));
  return [...sentence, all];
}
