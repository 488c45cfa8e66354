// What can be saved of a clip: the data, and the frames with their lines as a picture.

import { percent, save } from "/static/dom.js";
import { COLOURS, drawStrip, heatColour, layout } from "/static/drawing.js";

const WIDTH = 1200;
const MARGIN = 28;
const SCALE = 2;

export function saveJson(pane) {
  const { pictures, ...data } = pane.explanation.answer;
  const text = `${JSON.stringify(data, null, 2)}\n`;
  save(new Blob([text], { type: "application/json" }), `${stem(pane)}.json`);
}

export async function savePicture(pane) {
  save(await pictureOf({ ...pane.view, current: null }, pane.file.name), `${stem(pane)}.png`);
}

function stem(pane) {
  return `${pane.file.name.replace(/\.\w+$/, "")}-${pane.module?.name ?? "labels"}`;
}

// With a title and a legend.
async function pictureOf(view, name) {
  const { explanation, module } = view;
  const place = layout(explanation.frames.count, explanation.frames, WIDTH - 2 * MARGIN, 620);
  const canvas = document.createElement("canvas");
  const height = place.height + (view.heat ? 176 : 150);
  [canvas.width, canvas.height] = [WIDTH * SCALE, Math.ceil(height) * SCALE];
  const ctx = canvas.getContext("2d");
  ctx.scale(SCALE, SCALE);
  const style = getComputedStyle(document.documentElement);
  const colour = (variable) => style.getPropertyValue(variable).trim();
  ctx.fillStyle = colour("--panel");
  ctx.fillRect(0, 0, WIDTH, height);
  ctx.textBaseline = "alphabetic";
  const [best] = explanation.answer.predictions;
  ctx.fillStyle = colour("--ink");
  ctx.font = "700 24px system-ui, sans-serif";
  ctx.fillText(`${best.label}  ${percent(best.probability)}`, MARGIN, 44);
  ctx.fillStyle = colour("--pale");
  ctx.font = "15px system-ui, sans-serif";
  ctx.fillText(`${name}  ·  module ${module.name}, k = ${module.k}`, MARGIN, 68);
  ctx.translate(MARGIN, 86);
  drawStrip(ctx, place, view);
  drawLegend(ctx, place.height + 30, colour("--pale"));
  if (view.heat) drawHeatLegend(ctx, place.height + 56, colour("--pale"));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function drawLegend(ctx, y, ink) {
  let x = 0;
  const entries = [
    [COLOURS.position, "position"],
    [COLOURS.kept, "proposal kept by the maximum, thicker for more channels"],
    [COLOURS.dropped, "proposal dropped"],
  ];
  ctx.font = "14px system-ui, sans-serif";
  for (const [colour, text] of entries) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 3;
    if (colour === COLOURS.position) ctx.strokeRect(x + 4, y - 10, 12, 12);
    else {
      ctx.beginPath();
      ctx.moveTo(x, y - 4);
      ctx.lineTo(x + 22, y - 4);
      ctx.stroke();
    }
    ctx.fillStyle = ink;
    ctx.textBaseline = "alphabetic";
    ctx.fillText(text, x + 30, y);
    x += 30 + ctx.measureText(text).width + 28;
  }
}

function drawHeatLegend(ctx, y, ink) {
  const width = 120;
  for (let x = 0; x < width; x += 1) {
    ctx.fillStyle = `rgb(${heatColour(x / (width - 1)).map(Math.round).join(" ")})`;
    ctx.fillRect(x, y - 11, 1.5, 12);
  }
  ctx.fillStyle = ink;
  ctx.fillText("how much the module changed a cell, from not at all to most", width + 10, y);
}
