// What a clip shows: the answer in large, and the most probable labels below.

import { find, percent, showLabels } from "/static/dom.js";

export const LABELS = 5;
// An answer of more characters is written smaller.
const LONG = 30;

export function showAnswer(root, predictions) {
  const [best] = predictions;
  // A recognizer with thresholds says which labels the video shows: perhaps none.
  const shown = predictions.filter(({ above }) => above).map(({ label }) => label);
  const isOne = best.above === undefined;
  const answer = find(".best", root);
  answer.textContent = isOne ? best.label : shown.join(", ") || "none of its labels";
  answer.classList.toggle("long", answer.textContent.length > LONG);
  find(".share", root).textContent = isOne || shown.length === 1 ? percent(best.probability) : "";
  showLabels(find(".labels", root), predictions.slice(0, Math.max(LABELS, shown.length)));
  find(".spoken", root).textContent = `Prediction: ${predictions
    .slice(0, 3).map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ")}`;
}
