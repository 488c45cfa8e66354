// From a label a window to what is seen: probabilities smoothed, labels that do not flicker.

// After so many seconds the mean has come 63 % nearer to a new value.
const TIME_S = 0.5;
// A label is seen above the first, and until it falls below the second.
const ENTER = 0.6;
const LEAVE = 0.4;

export class Smoothing {
  constructor(classes, onEvent) {
    this.values = new Map(classes.map((name) => [name, 0]));
    this.onEvent = onEvent;
    this.label = null;
    this.time = null;
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
    if (this.label !== null && this.values.get(this.label) < LEAVE) this.label = null;
    const [best] = sorted;
    if (best.probability >= ENTER && best.label !== this.label) {
      this.label = best.label;
      this.onEvent({ label: best.label, confidence: best.probability });
    }
    return sorted;
  }
}
