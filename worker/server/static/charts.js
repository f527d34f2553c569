// Charts over the ticks, by uPlot. Beside each stand its last values, as text.
import { colours } from "./colours.js";
import { short } from "./words.js";

export class Chart {
  /** `series`: [name, number of its colour]; `stacked` piles them up. */
  constructor(box, legend, series, { stacked = false, title }) {
    Object.assign(this, { box, legend, series, stacked, title, data: [[], ...series.map(() => [])] });
    this.values = legend && series.map(([name, colour]) => {
      const item = document.createElement("span"), dot = document.createElement("i"), text = document.createElement("span");
      dot.className = "dot";
      dot.style.background = `var(--c${colour})`;
      text.textContent = name;
      item.append(dot, text);
      legend.append(item);
      return [name, text];
    });
    this.theme();
    new ResizeObserver(() => this.plot.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  }

  theme() {
    this.plot?.destroy();
    const found = colours();
    const axis = { stroke: found.soft, grid: { stroke: found.grid, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif", size: 24, gap: 2 };
    const drawn = this.series.map(([, colour]) => {
      const own = found.types[colour];
      return { stroke: own, width: this.stacked ? 0.5 : 1.5, points: { show: (plot) => plot.data[0].length < 3, size: 4 }, fill: this.stacked ? own : undefined };
    });
    this.plot = onProcessor(() => new uPlot({
      width: this.box.clientWidth || 300, height: this.box.clientHeight || 110, legend: { show: false }, cursor: { show: false }, padding: [6, 12, 0, 0],
      scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick : "")) }, { ...axis, size: 44, values: (_, ticks) => ticks.map(short) }],
      series: [{}, ...(this.stacked ? drawn.toReversed() : drawn)],
    }, this.shown(), this.box));
  }

  /** Show columns: the ticks, then a column for each series. */
  show(data) {
    this.data = data;
    this.plot.setData(this.shown());
    const last = data.map((column) => column.at(-1));
    this.values?.forEach(([name, text], k) => { text.textContent = last[k + 1] === undefined ? name : `${name} ${short(last[k + 1])}`; });
    this.box.setAttribute("aria-label", data[0].length
      ? `${this.title}, at tick ${last[0]}: ${this.series.map(([name], k) => `${name} ${short(last[k + 1])}`).join(", ")}` : `${this.title}: nothing yet`);
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
