// What the server says was matched, made ready to be looked up by position.

export class Explanation {
  constructor(answer) {
    this.answer = answer;
    this.frames = answer.frames;
    this.region = answer.region;
    this.modules = new Map(answer.modules.map((module) => [module.name, new Module(module)]));
  }

  // The box of a cell in pixels of the video: {x, y, width, height}.
  box(module, row, column) {
    const { rows, columns } = module.grid;
    const width = this.region.width / columns;
    const height = this.region.height / rows;
    return { x: this.region.left + column * width, y: this.region.top + row * height, width, height };
  }

  // Row and column of the cell at a point in pixels of the video, null outside what was seen.
  cell(module, x, y) {
    const { rows, columns } = module.grid;
    const row = Math.floor(((y - this.region.top) * rows) / this.region.height);
    const column = Math.floor(((x - this.region.left) * columns) / this.region.width);
    return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
  }
}

class Module {
  constructor({ name, grid, k, channels, positions, best_matched: bestMatched }) {
    Object.assign(this, { name, grid, k, channels, bestMatched });
    // The server lists them by change, the greatest first.
    this.ranked = positions;
    this.places = new Map(positions.map((position, rank) => [this.key(position), { position, rank }]));
    this.mostChange = positions[0]?.change || 1;
  }

  key({ frame, row, column }) {
    return (frame * this.grid.rows + row) * this.grid.columns + column;
  }

  // {position, rank}; positions outside the grid have none.
  at(place) {
    return this.places.get(this.key(place));
  }
}

// Where a position is, without its proposals.
export function place({ frame, row, column }) {
  return { frame, row, column };
}

// The cell of another module's grid in which the middle of a cell lies.
export function carriedOver(place, from, to) {
  return {
    frame: place.frame,
    row: Math.min(to.grid.rows - 1, Math.floor(((place.row + 0.5) * to.grid.rows) / from.grid.rows)),
    column: Math.min(
      to.grid.columns - 1,
      Math.floor(((place.column + 0.5) * to.grid.columns) / from.grid.columns),
    ),
  };
}
