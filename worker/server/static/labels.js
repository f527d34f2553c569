// Names beside nodes: all of them in one picture, of which the painter takes its pieces. The largest come first, and none covers another.
const CELL = { width: 256, height: 24 }, ACROSS = 4, MOST = 64; // pixels; labels in a row of the picture; labels
const SIZE = 12; // pixels

export class Labels {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true }); // on the processor: it is read by WebGL
    this.family = getComputedStyle(document.body).fontFamily;
  }

  /** Choose among [number, x, y, size, text, told], in the order of their worth, and draw; return each as the shader takes it.
   * `told`: where the pointer is, or selected: on a card, and in any case. `room`: pixels across, past which a name stands on the left. */
  draw(found, room, { dense, colours }) {
    const { context, canvas } = this, taken = [], chosen = [];
    canvas.width = ACROSS * CELL.width * dense;
    canvas.height = Math.ceil(MOST / ACROSS) * CELL.height * dense;
    context.scale(dense, dense);
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const [index, x, y, size, text, told] of found) {
      if (chosen.length === MOST) break;
      context.font = `${told ? 600 : 400} ${SIZE}px ${this.family}`;
      const width = Math.min(CELL.width, Math.ceil(context.measureText(text).width) + 14), left = x + size + width > room && x > size + width;
      const from = left ? x - size - width : x + size, box = [from, y - 9, from + width, y + 9];
      if (!told && taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      taken.push(box);
      const at = (chosen.length % ACROSS) * CELL.width, top = Math.floor(chosen.length / ACROSS) * CELL.height;
      this.#write(text, at, top, width, told, colours);
      chosen.push([index, at * dense, top * dense, (width * dense) | (left << 15) | ((CELL.height * dense) << 16)]);
    }
    return chosen;
  }

  #write(text, left, top, width, told, colours) {
    const { context } = this;
    context.lineWidth = told ? 1 : 3;
    context.strokeStyle = told ? colours.edge : colours.map;
    if (told) {
      context.fillStyle = colours.card;
      context.beginPath();
      context.roundRect(left + 3.5, top + 0.5, width - 4, CELL.height - 1, 6);
      context.fill();
      context.stroke();
    } else context.strokeText(text, left + 5, top + CELL.height / 2);
    context.fillStyle = colours.text;
    context.fillText(text, left + (told ? 9 : 5), top + CELL.height / 2);
  }
}
