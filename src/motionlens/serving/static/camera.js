// The camera: record a clip, or recognize what it shows while it shows it.

import * as api from "/static/api.js";
import { find, make, percent, showLabels } from "/static/dom.js";
import { Smoothing } from "/static/smoothing.js";

const SECONDS = 3;
// What the network learned from had about that many frames a second.
const CAMERA_FPS = 30;
const SIDE_PX = 256;
const LABELS = 4;

let stream = null;
let isLive = false;

export async function record() {
  const dialog = await open("Record", false);
  if (!stream) return closed(dialog);
  const start = find("#record-start");
  return new Promise((resolve) => {
    let file = null;
    const listener = async () => {
      start.disabled = true;
      file = await recorded();
      dialog.close();
    };
    start.disabled = false;
    start.addEventListener("click", listener, { once: true });
    dialog.addEventListener("close", () => {
      start.removeEventListener("click", listener);
      stop();
      resolve(file);
    }, { once: true });
  });
}

export async function live(model) {
  const dialog = await open("Live", true);
  if (!stream) return closed(dialog);
  isLive = true;
  dialog.addEventListener("close", () => { isLive = false; stop(); }, { once: true });
  return watch(model);
}

async function open(title, showsLabels) {
  const dialog = find("#camera");
  find("#camera-title").textContent = title;
  find("#record-tools").hidden = showsLabels;
  find("#record-start").disabled = true;
  find("#live-tools").hidden = !showsLabels;
  find("#live-events").replaceChildren();
  find("#live-labels").replaceChildren();
  find("#live-best").textContent = "";
  find("#camera-count").textContent = "";
  say("Waiting for the camera …");
  dialog.showModal();
  try {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("insecure");
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 }, frameRate: { ideal: CAMERA_FPS } }, audio: false,
    });
    const video = find("#camera-video");
    video.srcObject = stream;
    await video.play();
    say(showsLabels ? "Move in front of the camera." : "Nothing is kept; the clip is sent to this page's server alone.");
  } catch (error) {
    stop();
    say(reason(error));
  }
  return dialog;
}

function closed(dialog) {
  return new Promise((resolve) => {
    if (!dialog.open) resolve(null);
    else dialog.addEventListener("close", () => resolve(null), { once: true });
  });
}

function reason(error) {
  if (error.message === "insecure") return "Browsers give the camera to pages from localhost or over https alone.";
  if (error.name === "NotAllowedError") return "The camera was not allowed; allow it in the browser and try again.";
  if (error.name === "NotFoundError") return "No camera was found.";
  return `The camera cannot be used: ${error.message}`;
}

function say(text) {
  find("#camera-message").textContent = text;
}

function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  find("#camera-video").srcObject = null;
}

async function recorded() {
  const parts = [];
  const type = ["video/webm", "video/mp4"].find((kind) => MediaRecorder.isTypeSupported(kind));
  const recorder = new MediaRecorder(stream, { ...(type && { mimeType: type }), videoBitsPerSecond: 4_000_000 });
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const done = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  for (let left = SECONDS; left > 0 && find("#camera").open; left -= 1) {
    find("#camera-count").textContent = left;
    await pause(1000);
  }
  find("#camera-count").textContent = "";
  if (recorder.state !== "inactive") recorder.stop();
  await done;
  const kind = recorder.mimeType.includes("mp4") ? "mp4" : "webm";
  return new File(parts, `recording.${kind}`, { type: `video/${kind}` });
}

async function watch(model) {
  const { multi_label: isSeveral, thresholds } = model.card;
  const smoothing = new Smoothing(model.classes, onEvent, { isSeveral, thresholds });
  const { seconds, num_frames: count, frame_stride: stride, sampling_mode: mode } = model.card;
  const counted = (mode === "dense" && stride) || 4;
  const step = 1000 * (seconds > 0 ? seconds / count : counted / CAMERA_FPS);
  const window = [];
  let isAsking = false;
  while (isLive) {
    const started = performance.now();
    window.push(await snapshot());
    if (window.length > model.pictures) window.shift();
    if (window.length === model.pictures && !isAsking) {
      isAsking = true;
      // The next frames are taken while the server looks at these.
      look(model, [...window], smoothing).finally(() => { isAsking = false; });
    }
    await pause(Math.max(0, step - (performance.now() - started)));
  }
}

async function look(model, window, smoothing) {
  const seconds = performance.now() / 1000;
  try {
    const { predictions } = await api.predictPictures(window, model.classes.length);
    if (!isLive) return;
    const smoothed = smoothing.push(predictions, seconds);
    find("#live-best").textContent = smoothing.label ?? "…";
    showLabels(find("#live-labels"), smoothed.slice(0, LABELS));
    say("");
  } catch (error) {
    if (isLive) say(error.message);
  }
}

function onEvent({ label, confidence }) {
  const time = new Date().toLocaleTimeString();
  const entry = make("li", {}, make("span", {}, label), make("span", { className: "pale" }, `${percent(confidence)} · ${time}`));
  const list = find("#live-events");
  list.prepend(entry);
  while (list.children.length > 50) list.lastChild.remove();
  find("#live-said").textContent = label;
}

const canvas = document.createElement("canvas");

function snapshot() {
  const video = find("#camera-video");
  const scale = Math.min(1, SIDE_PX / Math.min(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
