// Frames, positions, lines and heat on a canvas. Nothing here knows of the page around it.

// Okabe-Ito: told apart by colour-blind readers; the same as in the pictures of `motionlens explain`.
export const COLOURS = { position: "#E69F00", kept: "#56B4E9", dropped: "#BBBBBB" };
const HALO = "rgba(6, 10, 14, 0.55)";
const GAP = 6;
// How far an arc leaves the straight line, as a part of its length.
const BEND = 0.18;
// Cividis, dark blue to yellow: rising in lightness for everybody.
const HEAT = [[0, 32, 76], [63, 75, 107], [120, 121, 121], [182, 167, 108], [255, 233, 69]];

// Where each frame lies: as few columns as the height allows, so that frames are large.
export function layout(count, frame, width, mostHeight) {
  const of = (columns) => {
    const rows = Math.ceil(count / columns);
    const frameWidth = (width - (columns - 1) * GAP) / columns;
    const frameHeight = (frameWidth * frame.height) / frame.width;
    const height = rows * frameHeight + (rows - 1) * GAP;
    return { columns, rows, width, height, frameWidth, frameHeight };
  };
  // Full rows are worth some height, or another column.
  const most = (columns) => (count % columns ? mostHeight : 1.3 * mostHeight);
  let columns = Math.min(count, width < 560 ? 2 : 1);
  while (columns < count && of(columns).height > most(columns)) columns += 1;
  if (width >= 560 && count % columns && count % (columns + 1) === 0) columns += 1;
  return of(columns);
}

export function corner(place, number) {
  return {
    x: (number % place.columns) * (place.frameWidth + GAP),
    y: Math.floor(number / place.columns) * (place.frameHeight + GAP),
  };
}

// The frame at a point of the canvas and the point in pixels of the video; null in a gap.
export function frameAt(place, explanation, x, y) {
  const column = Math.floor(x / (place.frameWidth + GAP));
  const row = Math.floor(y / (place.frameHeight + GAP));
  const frame = row * place.columns + column;
  if (column < 0 || row < 0 || column >= place.columns || frame >= explanation.frames.count) return null;
  const start = corner(place, frame);
  const scale = place.frameWidth / explanation.frames.width;
  if (x - start.x > place.frameWidth || y - start.y > place.frameHeight) return null;
  return { frame, x: (x - start.x) / scale, y: (y - start.y) / scale };
}

// From a position to its proposals, in pixels of the canvas.
export function lines(place, explanation, module, position) {
  if (!position) return [];
  const from = middle(place, explanation, module, position);
  return position.proposals.map((proposal) => ({
    from,
    to: middle(place, explanation, module, proposal),
    frame: proposal.frame,
    row: proposal.row,
    column: proposal.column,
    wins: proposal.wins,
  }));
}

function boxOn(place, explanation, module, { frame, row, column }) {
  const scale = place.frameWidth / explanation.frames.width;
  const start = corner(place, frame);
  const box = explanation.box(module, row, column);
  return {
    x: start.x + box.x * scale,
    y: start.y + box.y * scale,
    width: box.width * scale,
    height: box.height * scale,
  };
}

function middle(place, explanation, module, where) {
  const box = boxOn(place, explanation, module, where);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

// One frame in `box`: the picture, what the network does not see in shade, heat where wanted.
export function drawFrame(ctx, box, { explanation, module, pictures, number, heat }) {
  const scale = box.width / explanation.frames.width;
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(box.x, box.y, box.width, box.height, Math.min(6, box.width / 24));
  ctx.clip();
  const picture = pictures[number];
  ctx.imageSmoothingEnabled = picture.naturalWidth > 160;
  ctx.drawImage(picture, box.x, box.y, box.width, box.height);
  const { region } = explanation;
  const seen = {
    x: box.x + region.left * scale,
    y: box.y + region.top * scale,
    width: region.width * scale,
    height: region.height * scale,
  };
  ctx.fillStyle = "rgba(6, 10, 14, 0.5)";
  ctx.beginPath();
  ctx.rect(box.x, box.y, box.width, box.height);
  ctx.rect(seen.x, seen.y, seen.width, seen.height);
  ctx.fill("evenodd");
  if (heat && module) {
    ctx.globalAlpha = 0.72;
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(heatPicture(module, number), seen.x, seen.y, seen.width, seen.height);
  }
  ctx.restore();
}

const heatPictures = new WeakMap();

function heatPicture(module, number) {
  if (!heatPictures.has(module)) heatPictures.set(module, new Map());
  const known = heatPictures.get(module);
  if (known.has(number)) return known.get(number);
  const { rows, columns } = module.grid;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const ctx = canvas.getContext("2d");
  const data = ctx.createImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const change = module.at({ frame: number, row, column })?.position.change ?? 0;
      data.data.set([...heatColour(change / module.mostChange), 255], 4 * (row * columns + column));
    }
  }
  ctx.putImageData(data, 0, 0);
  known.set(number, canvas);
  return canvas;
}

// Red, green and blue, 0 to 255, of a value from 0 to 1.
export function heatColour(value) {
  const place = Math.min(Math.max(value, 0), 1) * (HEAT.length - 1);
  const low = Math.min(Math.floor(place), HEAT.length - 2);
  return HEAT[low].map((start, channel) => start + (HEAT[low + 1][channel] - start) * (place - low));
}

export function drawCell(ctx, box, colour, width) {
  for (const [style, line] of [[HALO, width + 2], [colour, width]]) {
    ctx.strokeStyle = style;
    ctx.lineWidth = line;
    ctx.strokeRect(box.x, box.y, box.width, box.height);
  }
}

// All frames, the position, and its lines; returns the lines.
export function drawStrip(ctx, place, view) {
  const { explanation, module, position, current } = view;
  for (let number = 0; number < explanation.frames.count; number += 1) {
    const box = { ...corner(place, number), width: place.frameWidth, height: place.frameHeight };
    drawFrame(ctx, box, { ...view, number });
    drawNumber(ctx, box, number, explanation.frames.times_s[number], number === current);
  }
  if (!position) return [];
  const found = lines(place, explanation, module, position);
  const strongest = Math.max(...found.map(({ wins }) => wins), 0);
  // Pale ones first, so that they never hide a strong one.
  for (const line of [...found].sort((a, b) => a.wins - b.wins)) {
    const kept = line.wins > 0;
    const colour = kept ? COLOURS.kept : COLOURS.dropped;
    drawArc(ctx, line, colour, {
      width: kept ? 1.4 + (2.8 * line.wins) / strongest : 1.2,
      alpha: kept ? 1 : 0.7,
      short: boxOn(place, explanation, module, line).width / 2,
      isUp: line.from.y > place.height / 2,
    });
  }
  // Cells above all arcs, so that small ones stay in sight.
  for (const line of found) {
    drawCell(ctx, boxOn(place, explanation, module, line), line.wins ? COLOURS.kept : COLOURS.dropped, line.wins ? 2 : 1.2);
  }
  drawCell(ctx, boxOn(place, explanation, module, position), COLOURS.position, 2.5);
  return found;
}

// The current frame alone, larger: arrows lead from the position to where its proposals lie in
// their own frames, whose numbers stand beside; in another frame, to those in that frame alone.
// Returns what was drawn: the lines, with `frame`.
export function drawStage(ctx, width, height, view) {
  const { explanation, module, position, current } = view;
  drawFrame(ctx, { x: 0, y: 0, width, height }, { ...view, number: current });
  if (!position) return [];
  const place = { columns: 1, width, height, frameWidth: width, frameHeight: height };
  const alone = (where) => boxOn(place, explanation, module, { ...where, frame: 0 });
  const isOwn = position.frame === current;
  const shown = position.proposals.filter(({ frame }) => isOwn || frame === current);
  const own = alone(position);
  const from = { x: own.x + own.width / 2, y: own.y + own.height / 2 };
  const strongest = Math.max(...shown.map(({ wins }) => wins), 0);
  const found = shown.map((proposal) => {
    const box = alone(proposal);
    return { ...proposal, box, from, to: { x: box.x + box.width / 2, y: box.y + box.height / 2 } };
  }).sort((a, b) => a.wins - b.wins);
  for (const line of found) {
    if (Math.hypot(line.to.x - from.x, line.to.y - from.y) < 1.5 * line.box.width) continue;
    drawArc(ctx, line, line.wins ? COLOURS.kept : COLOURS.dropped, {
      width: line.wins ? 1.6 + (2.8 * line.wins) / strongest : 1.2,
      alpha: line.wins ? 1 : 0.7,
      short: line.box.width / 2,
      isUp: from.y > height / 2,
    });
  }
  for (const { box, wins } of found) drawCell(ctx, box, wins ? COLOURS.kept : COLOURS.dropped, wins ? 3 : 1.5);
  ctx.setLineDash(isOwn ? [] : [4, 3]);
  drawCell(ctx, own, COLOURS.position, isOwn ? 4 : 2);
  ctx.setLineDash([]);
  if (isOwn) drawTags(ctx, found, width, height);
  return found.map(({ frame, row, column, wins, to }) => ({ frame, row, column, wins, from, to }));
}

// The frames' numbers beside the cells; one tag per cell, and none above another.
function drawTags(ctx, found, width, height) {
  const cells = new Map();
  for (const { frame, row, column, box, wins } of found) {
    const key = `${row},${column}`;
    const cell = cells.get(key) ?? { box, frames: [], wins: 0 };
    cell.frames.push(frame);
    cell.wins += wins;
    cells.set(key, cell);
  }
  const [tall, taken] = [16, []];
  ctx.font = "600 11px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  for (const { box, frames, wins } of cells.values()) {
    const text = frames.sort((a, b) => a - b).join(", ");
    const wide = ctx.measureText(text).width + 10;
    const x = Math.min(Math.max(box.x + box.width / 2 - wide / 2, 0), width - wide);
    const isFree = (y) => y >= 0 && y + tall <= height
      && !taken.some((other) => x < other.x + other.wide && other.x < x + wide && Math.abs(y - other.y) < tall);
    const [above, below] = [box.y - tall - 3, box.y + box.height + 3];
    const y = [above, below, above - tall, below + tall].find(isFree) ?? Math.max(above, 0);
    taken.push({ x, y, wide });
    ctx.fillStyle = wins ? COLOURS.kept : COLOURS.dropped;
    ctx.beginPath();
    ctx.roundRect(x, y, wide, tall, 4);
    ctx.fill();
    ctx.fillStyle = "#06131c";
    ctx.fillText(text, x + wide / 2, y + tall / 2 + 0.5);
  }
}

function drawNumber(ctx, box, number, time, isCurrent) {
  const text = `${number}  ·  ${time.toFixed(2)} s`;
  ctx.font = "600 11px system-ui, sans-serif";
  const width = ctx.measureText(text).width + 12;
  if (box.width < 60) return;
  ctx.fillStyle = isCurrent ? COLOURS.position : "rgba(6, 10, 14, 0.66)";
  ctx.beginPath();
  ctx.roundRect(box.x + 5, box.y + box.height - 22, width, 17, 4);
  ctx.fill();
  ctx.fillStyle = isCurrent ? "#1a1200" : "#f2f5f7";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.fillText(text, box.x + 11, box.y + box.height - 13);
}

function drawArc(ctx, { from, to }, colour, { width, alpha, short, isUp }) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  // Arcs bend towards the middle, where there is room for them.
  const side = to.x < from.x === isUp ? BEND : -BEND;
  const control = { x: (from.x + to.x) / 2 - side * dy, y: (from.y + to.y) / 2 + side * dx };
  const angle = Math.atan2(to.y - control.y, to.x - control.x);
  const along = (back, turn = 0) => [
    to.x - short * Math.cos(angle) - back * Math.cos(angle + turn),
    to.y - short * Math.sin(angle) - back * Math.sin(angle + turn),
  ];
  const head = 4 + 1.6 * width;
  ctx.save();
  ctx.globalAlpha = alpha;
  ctx.lineCap = "round";
  for (const [style, line, tip] of [[HALO, width + 2.4, head + 2], [colour, width, head]]) {
    ctx.strokeStyle = ctx.fillStyle = style;
    ctx.lineWidth = line;
    ctx.beginPath();
    ctx.moveTo(from.x, from.y);
    ctx.quadraticCurveTo(control.x, control.y, ...along(head / 2));
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(...along(0));
    ctx.lineTo(...along(tip, -0.42));
    ctx.lineTo(...along(tip, 0.42));
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
}

// Sizes a canvas for the screen's own pixels and returns a context in CSS pixels.
export function prepared(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  canvas.style.aspectRatio = `${width} / ${height}`;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}
