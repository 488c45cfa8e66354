// One clip: its upload, its labels, its frames, and the position that is looked at.

import * as api from "/static/api.js";
import { LABELS, showAnswer } from "/static/answer.js";
import { debounced, find, findAll, loadPicture } from "/static/dom.js";
import { Explanation, carriedOver, place } from "/static/explanation.js";
import { corner, layout, drawStage, drawStrip, frameAt, prepared } from "/static/drawing.js";
import { saveJson, savePicture } from "/static/download.js";
import { listenToKeys } from "/static/keyboard.js";
import { sentence, showMatches } from "/static/matches.js";

const FRAMES_PER_SECOND = 5;
// Stands for the answer of a request that a newer one has replaced.
const ABORTED = Symbol("aborted");

export class Pane {
  // `shared` is what all panes show, {module, k, heat, model}; `events` are callbacks of the page.
  constructor(shared, events) {
    this.shared = shared;
    this.events = events;
    this.root = find("#pane").content.firstElementChild.cloneNode(true);
    this.strip = find("canvas.strip", this.root);
    this.stage = find("canvas.stage", this.root);
    this.file = null;
    // The file that was sent and has no answer yet.
    this.awaited = null;
    this.explanation = null;
    this.pinned = null;
    this.hovered = null;
    // Whether the user has chosen the position.
    this.isChosen = false;
    this.current = 0;
    this.timer = 0;
    this.request = null;
    this.say = debounced((text) => { find(".said", this.root).textContent = text; }, 250);
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.strip.parentElement);
  }

  get module() {
    return this.explanation?.modules.get(this.shared.module) ?? null;
  }

  get position() {
    const place = this.hovered ?? this.pinned;
    return (place && this.module?.at(place)?.position) ?? null;
  }

  get lastFrame() {
    return this.explanation.frames.count - 1;
  }

  // What is drawn.
  get view() {
    return {
      explanation: this.explanation,
      module: this.module,
      pictures: this.pictures,
      position: this.position,
      current: this.current,
      heat: this.shared.heat,
    };
  }

  // Send a file to the server, and show its answer or why it refused.
  async load(file) {
    const most = this.shared.model.limits.max_upload_mb;
    if (file.size > most * 1e6) {
      this.events.refused(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; the server takes ${most} MB at most. Send a shorter or smaller clip.`);
      return;
    }
    this.awaited = file;
    const answer = await this.#ask(file, true);
    if (answer === ABORTED) return;
    this.awaited = null;
    if (!answer) return;
    this.file = file;
    this.pinned = this.hovered = null;
    this.isChosen = false;
    this.current = 0;
    this.stop();
    if (answer.modules) {
      this.pictures = await Promise.all((answer.pictures ?? []).map(loadPicture));
      this.#take(answer);
    } else {
      this.explanation = null;
      showAnswer(this.root, answer.predictions);
    }
    this.root.dataset.state = "shown";
    this.#showHead();
    this.events.loaded(this);
    this.draw();
  }

  // The same clip with another k.
  async reload() {
    // A clip without an answer is sent again, with the new k.
    if (this.awaited) return this.load(this.awaited);
    if (!this.file || !this.explanation || this.k === this.shared.k) return;
    const answer = await this.#ask(this.file, false);
    if (answer === ABORTED) return;
    if (!answer) return this.events.refusedK(this.k);
    this.#take(answer);
    this.draw();
  }

  // The k of what is shown.
  get k() {
    return this.explanation?.modules.values().next().value?.k ?? null;
  }

  async #ask(file, pictures) {
    this.request?.abort();
    const request = (this.request = new AbortController());
    this.root.classList.add("working");
    find(".busy span", this.root).textContent = "Working";
    try {
      if (!this.shared.model.explains) return await api.predict(file, LABELS);
      return await api.explain(file, { k: this.shared.k, pictures, signal: request.signal });
    } catch (error) {
      if (error.name === "AbortError") return ABORTED;
      this.events.refused(error.message);
      return null;
    } finally {
      if (this.request === request) {
        this.root.classList.remove("working");
        find(".busy span", this.root).textContent = "";
      }
    }
  }

  #take(answer) {
    this.explanation = new Explanation(answer);
    showAnswer(this.root, answer.predictions);
    if (!this.isChosen) this.#goWhereMatchedBest();
  }

  // Start where something that moves was found again.
  #goWhereMatchedBest() {
    this.pinned = place(this.module.bestMatched);
    this.current = this.pinned.frame;
  }

  // Another module has been chosen: stay at the same spot, if it was chosen too.
  moduleChanged(before) {
    const from = this.explanation?.modules.get(before);
    if (from && this.module) {
      this.hovered = null;
      if (this.isChosen) this.pinned = carriedOver(this.pinned, from, this.module);
      else this.#goWhereMatchedBest();
    }
    this.draw();
    this.#announce();
  }

  draw() {
    if (!this.explanation || this.root.dataset.state !== "shown") return;
    const { frames } = this.explanation;
    const { view } = this;
    const width = this.strip.parentElement.clientWidth;
    if (!width) return;
    // On a phone both the large frame and all the small ones fit the screen.
    const isNarrow = width < 560;
    const strip = isNarrow ? Math.max(240, innerHeight * 0.32) : Math.max(420, Math.min(640, innerHeight * 0.7));
    this.place = layout(frames.count, frames, width, strip);
    const ctx = prepared(this.strip, width, this.place.height);
    const drawn = drawStrip(ctx, this.place, view);
    // For tests that check the picture against the data; it is a copy.
    this.strip.drawn = Object.freeze({
      module: this.module?.name ?? null,
      k: this.module?.k ?? null,
      position: this.position && Object.freeze(place(this.position)),
      frames: Object.freeze(frames.numbers.map((_, number) => Object.freeze({
        ...corner(this.place, number), width: this.place.frameWidth, height: this.place.frameHeight,
      }))),
      lines: Object.freeze(drawn.map((line) => Object.freeze({ ...line }))),
    });
    const stageWidth = this.stage.parentElement.clientWidth;
    const high = (stageWidth * frames.height) / frames.width;
    const most = Math.max(260, innerHeight * (isNarrow ? 0.36 : 0.5));
    const scale = Math.min(1, most / high);
    this.stage.style.width = `${stageWidth * scale}px`;
    const onStage = drawStage(prepared(this.stage, stageWidth * scale, high * scale), stageWidth * scale, high * scale, view);
    this.stage.drawn = Object.freeze(onStage.map((line) => Object.freeze({ ...line })));
    this.#showPlayer();
    showMatches(this.root, this.module, this.position);
    if (this.position) {
      this.strip.setAttribute("aria-label", `Frames of ${this.file?.name ?? "the clip"}. ${sentence(this.position)}`);
    }
  }

  select(where, { speak = true } = {}) {
    const module = this.module;
    if (!module || !module.at(where)) return;
    this.pinned = where;
    this.isChosen = true;
    this.hovered = null;
    this.current = where.frame;
    this.draw();
    if (speak) this.#announce();
  }

  move(frames, rows, columns) {
    const at = this.pinned;
    const within = (value, stop) => Math.min(Math.max(value, 0), stop - 1);
    this.select({
      frame: within(at.frame + frames, this.explanation.frames.count),
      row: within(at.row + rows, this.module.grid.rows),
      column: within(at.column + columns, this.module.grid.columns),
    });
  }

  rank(step) {
    const { ranked } = this.module;
    const rank = this.module.at(this.pinned).rank;
    this.select(place(ranked[(rank + step + ranked.length) % ranked.length]));
  }

  show(frame) {
    this.current = frame;
    this.draw();
  }

  play() {
    if (this.timer) {
      this.stop();
      return;
    }
    const count = this.explanation.frames.count;
    this.timer = setInterval(() => this.show((this.current + 1) % count), 1000 / FRAMES_PER_SECOND);
    this.#showPlayer();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    if (this.explanation) this.#showPlayer();
  }

  #listen() {
    const on = (selector, event, listener) =>
      findAll(selector, this.root).forEach((element) => element.addEventListener(event, listener));
    on("input.file", "change", (event) => {
      const [file] = event.target.files;
      event.target.value = "";
      if (file) this.events.chosen(this, file);
    });
    on(".record", "click", () => this.events.record(this));
    on(".live", "click", () => this.events.live(this));
    on(".example", "click", () => this.events.example(this));
    on(".remove", "click", () => this.events.removed(this));
    on(".play", "click", () => this.play());
    on(".scrub", "input", (event) => {
      // Read before stop(), which resets the slider.
      const frame = Number(event.target.value);
      this.stop();
      this.show(frame);
    });
    on(".json", "click", () => saveJson(this));
    on(".picture", "click", () => savePicture(this));
    for (const name of ["dragover", "dragleave", "drop"]) {
      this.root.addEventListener(name, (event) => {
        event.preventDefault();
        this.root.classList.toggle("over", name === "dragover");
        if (name === "drop" && event.dataTransfer.files.length) {
          this.events.chosen(this, event.dataTransfer.files[0]);
        }
      });
    }
    this.#listenToCanvas(this.strip, (x, y) => frameAt(this.place, this.explanation, x, y));
    this.#listenToCanvas(this.stage, (x, y) => {
      const scale = this.stage.clientWidth / this.explanation.frames.width;
      return { frame: this.current, x: x / scale, y: y / scale };
    });
    listenToKeys(this);
  }

  #listenToCanvas(canvas, pointAt) {
    const placeAt = (event) => {
      if (!this.module) return null;
      const box = canvas.getBoundingClientRect();
      const point = pointAt(event.clientX - box.left, event.clientY - box.top);
      const cell = point && this.explanation.cell(this.module, point.x, point.y);
      return cell && { frame: point.frame, ...cell };
    };
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const found = placeAt(event);
      if (JSON.stringify(found) === JSON.stringify(this.hovered)) return;
      this.hovered = found;
      requestAnimationFrame(() => this.draw());
    });
    canvas.addEventListener("pointerleave", () => {
      this.hovered = null;
      this.draw();
    });
    canvas.addEventListener("click", (event) => {
      const found = placeAt(event);
      if (found) this.select(found);
    });
  }

  #showHead() {
    const { numbers, times_s: times } = this.explanation?.frames ?? { numbers: [], times_s: [] };
    find(".name", this.root).textContent = this.file.name;
    const first = Math.min(...times);
    const last = Math.max(...times);
    find(".about", this.root).textContent = times.length
      ? `${times.length} frames, ${first.toFixed(2)} to ${last.toFixed(2)} s` : "";
    const note = find(".note", this.root);
    const repeats = numbers.some((number, i) => i && number <= numbers[i - 1]);
    note.textContent = !this.explanation
      ? "This recognizer does not tell what it matched; it has labels alone."
      : new Set(numbers).size === 1
        ? "A single frame: it cannot show motion."
        : repeats ? "The clip is shorter than the network looks at; its frames repeat from the start." : "";
    note.hidden = !note.textContent;
    for (const selector of [".stage-box", ".strip-box", ".matches"]) {
      find(selector, this.root).hidden = !this.explanation;
    }
  }

  #showPlayer() {
    const { count, times_s: times } = this.explanation.frames;
    const scrub = find(".scrub", this.root);
    scrub.max = count - 1;
    scrub.value = this.current;
    const text = `frame ${this.current} · ${times[this.current].toFixed(2)} s`;
    scrub.setAttribute("aria-valuetext", text);
    find(".time", this.root).textContent = text;
    const play = find(".play", this.root);
    play.setAttribute("aria-pressed", this.timer ? "true" : "false");
    play.setAttribute("aria-label", this.timer ? "Pause" : "Play");
    find(".mark.heat", this.root).hidden = !this.shared.heat;
    this.stage.setAttribute("aria-label", `Frame ${this.current} of the clip, enlarged, with arrows to where its matches lie in their frames`);
  }

  #announce() {
    this.say(sentence(this.position));
  }
}
