// From a label a window to what is seen: probabilities smoothed, labels that do not flicker.

// After so many seconds the mean has come 63 % nearer to a new value.
const TIME_S = 0.5;
// A label is seen above the first, and until it falls below the second.
const ENTER = 0.6;
const LEAVE = 0.4;

export class Smoothing {
  // `thresholds`, one per class, are those of a recognizer of several labels, if it has some: each
  // label is then seen from its own on, and until it falls below two thirds of it.
  constructor(classes, onEvent, { isSeveral = false, thresholds = [] } = {}) {
    this.values = new Map(classes.map((name) => [name, 0]));
    this.enter = new Map(classes.map((name, number) => [name, thresholds[number] ?? ENTER]));
    this.isSeveral = isSeveral;
    this.onEvent = onEvent;
    this.labels = new Set();
    this.time = null;
  }

  // What is seen now, for the eye.
  get label() {
    return [...this.labels].join(", ") || null;
  }

  // Predictions of a window at a time in seconds; returns the smoothed ones, best first.
  push(predictions, time) {
    const part = this.time === null ? 1 : 1 - Math.exp((this.time - time) / TIME_S);
    this.time = time;
    const above = new Map(predictions.map((each) => [each.label, each.above]));
    for (const { label, probability } of predictions) {
      this.values.set(label, this.values.get(label) * (1 - part) + probability * part);
    }
    const sorted = [...this.values]
      .map(([label, probability]) => ({ label, probability, above: above.get(label) }))
      .sort((a, b) => b.probability - a.probability);
    for (const label of [...this.labels]) {
      if (this.values.get(label) < (this.enter.get(label) * LEAVE) / ENTER) this.labels.delete(label);
    }
    const best = this.isSeveral ? sorted : sorted.slice(0, 1);
    for (const { label, probability } of best) {
      if (probability < this.enter.get(label) || this.labels.has(label)) continue;
      if (!this.isSeveral) this.labels.clear();
      this.labels.add(label);
      this.onEvent({ label, confidence: probability });
    }
    return sorted;
  }
}
