// Charts over the ticks, by uPlot. Beside each stand its last values, as text.
import { colours } from "./colours.js";
import { element, short } from "./words.js";

const USUAL = 0.98; // share of the ticks that are shown whole
const FAR = 3; // times what is usual: the scale ends below what stands out so far, and says how far it goes

export class Chart {
  /** `series`: [name, number of its colour]; `stacked` piles them up. */
  constructor(box, legend, series, { stacked = false, title }) {
    Object.assign(this, { box, legend, series, stacked, title, data: [[], ...series.map(() => [])] });
    this.values = legend && series.map(([name, colour]) => {
      const dot = element("i", { className: "dot" }), text = element("b");
      dot.style.background = `var(--c${colour})`;
      legend.append(element("span", {}, dot, `${name} `, text));
      return text;
    });
    this.theme();
    new ResizeObserver(() => this.plot.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  }

  theme() {
    this.#scale();
    this.plot?.destroy();
    const found = colours();
    const axis = { stroke: found.soft, grid: { stroke: found.grid, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif", size: 26, gap: 5 };
    const drawn = this.series.map(([, colour]) => {
      const own = found.types[colour];
      return { stroke: own, width: this.stacked ? 0.5 : 1.5, points: { show: (plot) => plot.data[0].length < 3, size: 4 }, fill: this.stacked ? own : undefined };
    });
    this.plot = onProcessor(() => new uPlot({
      width: this.box.clientWidth || 300, height: this.box.clientHeight || 110, legend: { show: false }, cursor: { show: false }, padding: [6, 12, 0, 0],
      scales: { x: { time: false }, y: { range: () => [0, this.high] } }, hooks: { draw: [(plot) => this.#cut(plot)] },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick : "")) }, { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => (this.data[0].length ? short(tick) : "")) }],
      series: [{}, ...(this.stacked ? drawn.toReversed() : drawn)],
    }, this.shown(), this.box));
  }

  /** Show columns: the ticks, then a column for each series. */
  show(data) {
    this.data = data;
    this.#scale();
    this.plot.setData(this.shown());
    const last = data.map((column) => column.at(-1));
    this.values?.forEach((text, k) => { text.textContent = last[k + 1] === undefined ? "" : short(last[k + 1]); });
    this.box.setAttribute("aria-label", data[0].length
      ? `${this.title}, at tick ${last[0]}: ${this.series.map(([name], k) => `${name} ${short(last[k + 1])}`).join(", ")}` : `${this.title}: nothing yet`);
  }

  /** Let the scale end above what is usual. */
  #scale() {
    const columns = this.shown().slice(1), most = this.data[0].map((_, k) => Math.max(0, ...columns.map((column) => column[k] ?? 0)));
    const sorted = most.toSorted((one, other) => one - other), highest = sorted.at(-1) ?? 0, usual = sorted[Math.ceil(USUAL * sorted.length) - 1] ?? 0;
    this.peak = usual > 0 && highest > FAR * usual ? most.indexOf(highest) : null;
    this.high = (this.peak === null ? 1.08 * highest : 1.5 * usual) || 1;
    this.highest = highest;
  }

  /** Write how far the highest goes, where the scale ends below it. */
  #cut({ ctx, bbox, data, valToPos }) {
    if (this.peak === null) return;
    const at = valToPos(data[0][this.peak], "x", true), left = at < bbox.left + bbox.width / 2, dense = devicePixelRatio;
    ctx.save();
    Object.assign(ctx, { fillStyle: colours().soft, font: `${11 * dense}px system-ui, sans-serif`, textAlign: left ? "left" : "right", textBaseline: "top" });
    ctx.fillText(left ? `▲ ${short(this.highest)}` : `${short(this.highest)} ▲`, at + (left ? 4 : -4) * dense, bbox.top);
    ctx.restore();
  }

  shown() {
    if (!this.stacked) return this.data;
    const sum = this.data[0].map(() => 0);
    const piled = this.data.slice(1).map((column) => column.map((value, k) => (sum[k] += value)));
    return [this.data[0], ...piled.toReversed()];
  }
}

/** Make something whose canvas is drawn by the processor: without a graphics card three charts cost a tick more than the graph does. */
function onProcessor(make) {
  const { prototype } = HTMLCanvasElement, { getContext } = prototype;
  prototype.getContext = function (kind) { return getContext.call(this, kind, { willReadFrequently: true }); };
  try { return make(); } finally { prototype.getContext = getContext; }
}
