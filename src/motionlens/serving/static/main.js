// Puts the page together: what all clips share, and one or two clips.

import * as api from "/static/api.js";
import { find, findAll, make, debounced } from "/static/dom.js";
import { count, knowledge } from "/static/knowledge.js";
import { Pane } from "/static/pane.js";
import { live, record } from "/static/camera.js";

const shared = { model: null, module: null, k: null, heat: false };
const panes = [];

const events = {
  chosen: (pane, file) => { clearNotice(); return pane.load(file); },
  refused: (message) => notice(message),
  // All clips are shown with one k: the one that could be had.
  refusedK: (k) => {
    showK(k);
    panes.forEach((pane) => pane.reload());
  },
  loaded: onLoaded,
  record: async (pane) => {
    const file = await record();
    if (file) events.chosen(pane, file);
  },
  live: () => live(shared.model),
  example: async (pane) => {
    try {
      await events.chosen(pane, await api.example());
    } catch (error) {
      notice(error.message);
    }
  },
  removed: (pane) => {
    pane.stop();
    pane.root.remove();
    panes.splice(panes.indexOf(pane), 1);
    arrange();
  },
  nextModule: () => {
    const names = [...findAll("#modules input")].map(({ value }) => value);
    chooseModule(names[(names.indexOf(shared.module) + 1) % names.length]);
  },
  toggleHeat: () => setHeat(!shared.heat),
};

async function start() {
  try {
    shared.model = await api.model();
  } catch (error) {
    notice(error.message);
    return;
  }
  const { model } = shared;
  find("#model").textContent = `${model.name} · ${count(model.classes)}`;
  find("#knows").replaceChildren(...knowledge(model));
  // The last module sees most of the picture around each cell.
  const last = model.modules.at(-1);
  shared.k = last?.k ?? null;
  shared.module = last?.name ?? null;
  showModules();
  find("#k").value = shared.k ?? "";
  find("#k").addEventListener("change", () => chooseK(Number(find("#k").value)));
  find("#k-less").addEventListener("click", () => chooseK(shared.k - 1));
  find("#k-more").addEventListener("click", () => chooseK(shared.k + 1));
  find("#heat").addEventListener("change", (event) => setHeat(event.target.checked));
  find("#compare").addEventListener("click", () => addPane().root.scrollIntoView({ block: "nearest" }));
  addPane();
  // A clip that misses the field must not replace the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  document.body.dataset.ready = "true";
}

function addPane() {
  const pane = new Pane(shared, events);
  find(".knows", pane.root).replaceChildren(...knowledge(shared.model));
  find(".limit", pane.root).textContent = `, up to ${shared.model.limits.max_upload_mb} MB`;
  panes.push(pane);
  find("#panes").append(pane.root);
  arrange();
  return pane;
}

function arrange() {
  find("#panes").classList.toggle("two", panes.length > 1);
  find("#compare").hidden = panes.length > 1;
  for (const pane of panes) find(".remove", pane.root).hidden = panes.length < 2;
  panes.forEach((pane) => pane.draw());
}

function onLoaded(pane) {
  document.body.classList.add("loaded");
  const explains = Boolean(pane.explanation);
  find("#tools").hidden = false;
  find("#help").hidden = !explains;
  for (const element of findAll("#modules, .field, .switch")) element.hidden = !explains;
}

function showModules() {
  for (const { name } of shared.model.modules) {
    const input = make("input", { type: "radio", name: "module", value: name, checked: name === shared.module });
    input.addEventListener("change", () => chooseModule(name));
    find("#modules").append(make("label", {}, input, make("span", {}, name)));
  }
}

function chooseModule(name) {
  const before = shared.module;
  shared.module = name;
  for (const input of findAll("#modules input")) input.checked = input.value === name;
  panes.forEach((pane) => pane.moduleChanged(before));
}

const reload = debounced(() => { clearNotice(); panes.forEach((pane) => pane.reload()); }, 250);

function chooseK(k) {
  showK(Math.max(Math.round(k) || 1, 1));
  reload();
}

function showK(k) {
  shared.k = k;
  find("#k").value = k;
}

function setHeat(isOn) {
  shared.heat = isOn;
  find("#heat").checked = isOn;
  panes.forEach((pane) => pane.draw());
}

function notice(message) {
  const box = find("#notice");
  box.hidden = false;
  box.textContent = message;
  box.scrollIntoView({ block: "nearest" });
}

function clearNotice() {
  find("#notice").hidden = true;
  find("#notice").textContent = "";
}

start();
