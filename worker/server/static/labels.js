// Names beside nodes. Each is written once, into a picture of which the painter takes its pieces; where they stand is chosen again and again
// while things move: the largest nodes first, and a name that would cover another, or a large node, goes to another side or is left out.
const CELL = { width: 256, height: 24 }, ACROSS = 4, CELLS = 96, MOST = 48; // pixels; in a row of the picture; in all; names shown at once
const SIZE = 12, HALF = 9; // pixels: of the letters; up and down from its middle that a name takes
const CARD = 2; // the tone of what is pointed at, or selected
const LARGE = 8; // nodes that even a card makes way for
const NEAR = 120; // nodes that a name makes way for

export class Labels {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true }); // on the processor: it is read by WebGL
    this.family = getComputedStyle(document.body).fontFamily;
    this.sides = new Map(); // of what is shown, by its number: it stays there if it can
  }

  /** Forget what was written: its colours, or the pixels of the screen, are others now. */
  clear({ dense, colours }) {
    Object.assign(this, { dense, colours, cells: new Map(), wide: new Map() });
    this.canvas.width = ACROSS * CELL.width * dense;
    this.canvas.height = (CELLS / ACROSS) * CELL.height * dense;
    this.context.scale(dense, dense);
    this.context.textBaseline = "middle";
    this.context.lineJoin = "round";
  }

  /** Choose among [number, x, y, size, text, tone], in the order of their worth; return each as the shader takes it, and tell `written` which
   * part of the picture is new. `tone`: 0 pale; 1 full; 2 on a card, and in any case. `room`: width and height in pixels; `over`: boxes of what
   * lies over the map. */
  choose(found, { room, over }, written) {
    const taken = [...over], discs = found.slice(0, NEAR), chosen = [], sides = new Map();
    for (const [index, x, y, size, text, tone] of found) {
      if (chosen.length === MOST) break;
      const width = this.#width(text, tone), before = this.sides.get(index) ?? 0;
      const ways = [before, 0, 1, 2, 3], clear = (among) => ways.find((one) => free(box(one, x, y, size, width), index, taken, among, room));
      const side = clear(discs) ?? (tone === CARD ? clear(discs.slice(0, LARGE)) ?? 0 : null);
      if (side === null) continue;
      taken.push(box(side, x, y, size, width));
      sides.set(index, side);
      chosen.push([index, text, tone, width, side]);
    }
    this.sides = sides;
    return this.#cells(chosen, written);
  }

  #width(text, tone) {
    const key = `${tone}${text}`;
    if (this.wide.size > 5000) this.wide.clear();
    if (!this.wide.has(key)) {
      this.context.font = this.#font(tone);
      this.wide.set(key, Math.min(CELL.width, Math.ceil(this.context.measureText(text).width) + (tone === CARD ? 17 : 14)));
    }
    return this.wide.get(key);
  }

  #font(tone) {
    return `${tone === CARD ? 600 : 400} ${SIZE}px ${this.family}`;
  }

  /** Find the piece of the picture that has a name, or write it where what is there is shown no more. */
  #cells(chosen, written) {
    const { cells, dense } = this, keys = chosen.map(([, text, tone]) => `${tone}${text}`), used = new Set(keys);
    const old = [...cells.keys()].filter((key) => !used.has(key));
    return chosen.map(([index, text, tone, width, side], k) => {
      if (!cells.has(keys[k])) {
        const at = cells.size < CELLS ? cells.size : cells.get(old[0]);
        if (cells.size === CELLS) cells.delete(old.shift());
        cells.set(keys[k], at);
        this.#write(text, (at % ACROSS) * CELL.width, Math.floor(at / ACROSS) * CELL.height, width, tone);
        written((at % ACROSS) * CELL.width * dense, Math.floor(at / ACROSS) * CELL.height * dense, CELL.width * dense, CELL.height * dense);
      }
      const at = cells.get(keys[k]);
      return [index, (at % ACROSS) * CELL.width * dense, Math.floor(at / ACROSS) * CELL.height * dense, (width * dense) | (side << 12) | ((CELL.height * dense) << 16)];
    });
  }

  #write(text, left, top, width, tone) {
    const { context, colours } = this;
    context.clearRect(left, top, CELL.width, CELL.height);
    context.font = this.#font(tone);
    context.lineWidth = tone === CARD ? 1 : 3.5;
    context.strokeStyle = tone === CARD ? colours.edge : colours.map;
    if (tone === CARD) {
      context.fillStyle = colours.card;
      context.beginPath();
      context.roundRect(left + 3.5, top + 1.5, width - 5, CELL.height - 3, 6);
      context.fill();
      context.stroke();
    } else context.strokeText(text, left + 7, top + CELL.height / 2);
    context.fillStyle = tone ? colours.text : colours.soft;
    context.fillText(text, left + (tone === CARD ? 10 : 7), top + CELL.height / 2);
  }
}

/** Return the left, top, right and bottom of a name on a side of its node: right, left, below, above. */
function box(side, x, y, size, width) {
  const left = side === 0 ? x + size : side === 1 ? x - size - width : x - width / 2;
  const middle = side === 2 ? y + size + CELL.height / 2 : side === 3 ? y - size - CELL.height / 2 : y;
  return [left, middle - HALF, left + width, middle + HALF];
}

function free([left, top, right, bottom], own, taken, discs, [width, height]) {
  if (left < 0 || top < 0 || right > width || bottom > height) return false;
  if (taken.some((other) => left < other[2] && other[0] < right && top < other[3] && other[1] < bottom)) return false;
  return !discs.some(([index, x, y, size]) => index !== own && left + 4 < x + size && x - size < right - 4 && top + 3 < y + size && y - size < bottom - 3);
}
