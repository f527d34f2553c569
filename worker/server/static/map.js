// The graph: what the store knows of nodes, links and strides becomes rows of numbers, which WebGL draws. Where there is none, the page says so.
import { colours, packed, parts } from "./colours.js";
import { Painter, rows } from "./gl.js";
import { Labels } from "./labels.js";
import { isActive, named } from "./store.js";
import { View } from "./view.js";

const FLIGHT = 900, FLASH = 1100; // ms that a stride takes, and a flip glows, as the shaders have it
const MANY = 4000; // links from which on they are hair lines
const MOVING = 250; // strides on their way at once
const REST = 160; // ms without a move after which the view is at rest
const NAMED = 6; // pixels of a node from which on its name stands beside it
const SOME = 12; // nodes that are named however small all are
const ASKED = 150; // nodes that may have their names shown, of those in sight the largest
const RENAME = 150; // ms between two choices of names, while things move
const SHADES = 8; // of links, by weight: the heavy are drawn over the light
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class GraphMap {
  constructor(box, { select }) {
    Object.assign(this, { box, select, selected: null, hovered: null, ids: [], index: new Map(), places: rows(0), flights: [], flashes: [] });
    this.kinds = new Map(); // type → number of its colour
    this.version = 0;
    this.drawn = 0; // frames
    this.until = 0; // when the last stride has come, and the last flip has ceased to glow
    this.canvas = document.createElement("canvas");
    box.append(this.canvas);
    this.painter = new Painter(this.canvas);
    this.canvas.addEventListener("webglcontextrestored", () => this.#draw());
    this.labels = new Labels();
    this.unnamed = true; // names are to be chosen anew
    this.chosen = 0; // when they were
    this.largest = [];
    this.view = new View(box, {
      moved: () => this.#move(),
      clicked: (at, reach) => select(this.ids[this.#find(at, reach)] ?? null),
      pointed: (at) => this.#hover(at && (this.ids[this.#find(at, 2)] ?? null)),
    });
    new ResizeObserver(() => this.#size()).observe(box);
    this.worker = new Worker("/page/layout.js");
    this.worker.onmessage = ({ data }) => this.#place(data);
    this.#size();
    this.theme();
  }

  theme() {
    this.colours = colours();
    const shown = (name) => parts(this.colours[name]);
    this.tones = { back: shown("map"), link: shown("link"), glow: shown("glow"), soft: shown("soft"), good: shown("good"), text: shown("text"), types: this.colours.types.map(parts) };
    this.painter.back = this.tones.back.map((value) => value / 255);
    this.#unwrite();
    if (this.store) this.show(this.store, { links: true });
  }

  /** Show the store's nodes; and its links, where news tells of them, or where others are near the selected node. */
  show(store, { shape, links }) {
    this.store = store;
    if (shape) this.#shape(store);
    if (shape || links || this.selected !== this.lit) this.#links(store);
    this.#nodes(store);
    this.#rings();
    this.#draw();
  }

  /** Let strides flow and flips flash. */
  play(store, { strides, flips, stimuli }) {
    if (document.hidden) return;
    const now = Math.floor(performance.now()), { tones } = this;
    this.flights = this.flights.filter(({ begun }) => now < begun + FLIGHT);
    if (!still.matches) {
      const some = strides.length > 120 ? strides.toSorted((a, b) => b.delta_e - a.delta_e).slice(0, 120) : strides;
      for (const { src, tgt, delta_e } of some) {
        if (this.flights.length >= MOVING) break;
        const width = 1.4 + 1.6 * Math.min(1, Math.sqrt(delta_e));
        this.flights.push({ src, tgt, begun: now + Math.floor(250 * Math.random()), colour: packed(tones.types[this.#kind(store.nodes.get(src)?.type ?? null)], undefined, 0, 50 * width) });
      }
    }
    const flash = (node, tone, grows) => this.flashes.push({ node, colour: packed(tone), grows: Number(grows), begun: now });
    this.flashes = this.flashes.filter(({ begun }) => now < begun + FLASH).slice(-MOVING);
    for (const { node, direction } of flips) flash(node, direction === "on" ? tones.glow : tones.soft, direction === "on");
    for (const { node } of stimuli) flash(node, tones.good, true);
    if (this.flights.length || this.flashes.length) this.until = Math.max(this.until, now + 250 + FLASH);
    this.#flights();
    this.#rings();
    this.#draw();
  }

  colour(type) {
    return this.colours.types[this.#kind(type)];
  }

  approach(id) {
    const k = this.index.get(id);
    if (k !== undefined) this.view.approach(this.places.parts[4 * k], this.places.parts[4 * k + 1]);
  }

  #kind(type) {
    const key = type ?? "";
    if (!this.kinds.has(key)) this.kinds.set(key, type === null ? 8 : Math.min(8, [...this.kinds.keys()].filter(Boolean).length));
    return this.kinds.get(key);
  }

  /** Number the nodes anew; who was there keeps its place, who is new begins beside a neighbour. */
  #shape(store) {
    const before = this.index, old = this.places.parts;
    this.painter.anew();
    this.ids = [...store.nodes.keys()];
    this.index = new Map(this.ids.map((id, k) => [id, k]));
    this.places = rows(this.ids.length);
    const { parts: places } = this.places, pairs = [];
    this.ids.forEach((id, k) => places.set(before.has(id) ? old.subarray(4 * before.get(id), 4 * before.get(id) + 2) : [NaN, NaN], 4 * k));
    for (const { source, target } of store.links.values()) {
      const from = this.index.get(source), to = this.index.get(target);
      if (from === undefined || to === undefined || from === to) continue;
      pairs.push(from, to);
      for (const [one, other] of [[4 * from, 4 * to], [4 * to, 4 * from]]) {
        if (Number.isNaN(places[one])) places.set([places[other] + 8 * (Math.random() - 0.5), places[other + 1] + 8 * (Math.random() - 0.5)], one);
      }
    }
    for (let k = 0; k < 4 * this.ids.length; k += 4) if (Number.isNaN(places[k])) places.set([8 * (Math.random() - 0.5), 8 * (Math.random() - 0.5)], k);
    const { clientWidth: width, clientHeight: height } = this.box;
    this.worker.postMessage({ version: ++this.version, ids: this.ids, pairs: Uint32Array.from(pairs), wide: Math.min(3, Math.max(1 / 3, width / height || 1)) });
    this.#flights();
  }

  /** Give each node the size and colour that its energy asks for; the active are drawn over the others, the selected over all. */
  #nodes(store) {
    const { places, selected, near, tones } = this, { whole, parts: sizes } = places, count = this.ids.length;
    const room = Math.sqrt((this.box.clientWidth * this.box.clientHeight) / Math.max(1, count)); // pixels for a node, each way
    const scale = Math.min(1, Math.max(0.28, room / 52)), order = rows(count), layers = [[], [], []];
    this.ids.forEach((id, k) => {
      const node = store.nodes.get(id), active = node && isActive(node);
      if (!node) return;
      const share = Math.min(12, node.energy / (node.threshold || 1));
      sizes[4 * k + 2] = scale * (2.6 + 3.8 * Math.sqrt(share)) * (id === selected ? 1.15 : 1);
      whole[4 * k + 3] = packed(tones.types[this.#kind(node.type)], tones.back, near && !near.has(id) ? 0.74 : active ? 0 : 0.55);
      layers[id === selected ? 2 : active ? 1 : 0].push(k);
    });
    layers.flat().forEach((k, at) => { order.whole[4 * at] = k; });
    this.painter.give("places", places, "nodes");
    this.painter.give("nodes", order);
    this.largest = this.ids.map((_, k) => k).sort((one, other) => sizes[4 * other + 2] - sizes[4 * one + 2]);
    this.unnamed = true;
  }

  /** Give each link the width and colour that its weight asks for; the heavy are drawn last, the selected node's after them. */
  #links(store) {
    const { index, selected, tones } = this, shades = Array.from({ length: SHADES + 1 }, () => []), many = store.links.size > MANY;
    this.lit = selected;
    this.near = index.has(selected) ? new Set([selected]) : null;
    for (const { source, target, z } of store.links.values()) {
      const from = index.get(source), to = index.get(target), mine = this.near && (source === selected || target === selected);
      if (from === undefined || to === undefined || from === to) continue;
      if (mine) this.near.add(source).add(target);
      shades[mine ? SHADES : Math.floor((SHADES - 0.01) * (z === null ? 0.3 : 1 / (1 + Math.exp(-z))))].push(from, to);
    }
    const data = rows(shades.flat().length / 2);
    let k = 0;
    shades.forEach((pairs, shade) => {
      const heavy = Math.min(1, (shade + 0.5) / SHADES), far = this.near ? 0.65 : (many ? 0.62 : 0.45) * (1 - heavy);
      const colour = shade === SHADES ? packed(tones.glow, tones.link, 0.35) : packed(tones.link, tones.back, far, many ? 255 * (0.2 + 0.5 * heavy ** 2) : 255);
      for (let at = 0; at < pairs.length; at += 2, k += 4) {
        data.whole.set([pairs[at], pairs[at + 1], colour], k);
        data.parts[k + 3] = shade === SHADES ? 1.6 : 0.7 + 2 * heavy ** 2;
      }
    });
    this.painter.give("links", data);
  }

  #flights() {
    const { index } = this, known = this.flights.filter(({ src, tgt }) => index.has(src) && index.has(tgt)), data = rows(known.length);
    known.forEach(({ src, tgt, colour, begun }, k) => data.whole.set([index.get(src), index.get(tgt), colour, begun], 4 * k));
    this.painter.give("strides", data);
  }

  #rings() {
    const stays = [...new Set([this.selected, this.hovered])].map((node) => ({ node, grows: 2, colour: packed(this.tones.text), begun: 0 }));
    const known = [...this.flashes, ...stays].filter(({ node }) => this.index.has(node)), data = rows(known.length);
    known.forEach(({ node, grows, colour, begun }, k) => data.whole.set([this.index.get(node), grows, colour, begun], 4 * k));
    this.painter.give("rings", data);
  }

  /** Choose which names are shown, and where. */
  #names() {
    const { places: { parts: places }, view, store, ids, index, near, box } = this, { clientWidth: width, clientHeight: height } = box, found = [];
    const { scale, origin: [left, top] } = view, grow = Math.sqrt(view.zoom);
    const told = new Set([this.selected, this.hovered].map((id) => index.get(id)).filter((k) => k !== undefined));
    const ask = (k, card) => {
      const x = left + scale * places[4 * k], y = top + scale * places[4 * k + 1], size = places[4 * k + 2] * grow;
      if (x + size > 0 && y + size > 0 && x - size < width && y - size < height) {
        const node = store.nodes.get(ids[k]) ?? { id: ids[k] };
        found.push([k, x, y, size, brief(named(node)), card ? 2 : Number(isActive(node))]);
      }
    };
    for (const k of told) ask(k, true);
    for (const k of this.largest) {
      if (found.length >= (places[4 * k + 2] * grow < NAMED ? SOME : ASKED)) break;
      if (!told.has(k) && (!near || near.has(ids[k]))) ask(k, false);
    }
    const over = [...box.parentElement.children].filter((one) => one !== box && !one.hidden).map(({ offsetLeft: x, offsetTop: y, offsetWidth: far, offsetHeight: deep }) => [x, y, x + far, y + deep]);
    const chosen = this.labels.choose(found, { room: [width, height], over }, (...part) => this.painter.texts(this.labels.canvas, part)), data = rows(chosen.length);
    chosen.reverse().forEach((row, k) => data.whole.set(row, 4 * k)); // those on cards over the others
    this.painter.give("labels", data);
  }

  /** Names are to be written anew: in other colours, or for another screen. */
  #unwrite() {
    this.labels.clear(this);
    this.painter.texts(this.labels.canvas);
    this.unnamed = true;
  }

  #place({ version, places }) {
    if (version !== this.version || !places.length) return;
    const own = this.places.parts, xs = [], ys = [];
    for (let k = 0; k < places.length / 2; k += 1) {
      own.set([places[2 * k], places[2 * k + 1]], 4 * k);
      xs.push(places[2 * k]);
      ys.push(places[2 * k + 1]);
    }
    this.painter.give("places", this.places, "links");
    const [x, width] = extent(xs), [y, height] = extent(ys);
    this.view.fit({ x, y, width, height });
  }

  /** Return the number of the node under a pixel, the nearest of several; `reach` is how many pixels beside it count. */
  #find([left, top], reach) {
    const { places: { parts: places }, view } = this, { scale, origin } = view, grow = Math.sqrt(view.zoom);
    let found = -1, least = Infinity;
    for (let k = 0; k < this.ids.length; k += 1) {
      const far = Math.hypot(origin[0] + scale * places[4 * k] - left, origin[1] + scale * places[4 * k + 1] - top) - reach;
      if (far < least && far < places[4 * k + 2] * grow) [found, least] = [k, far];
    }
    return found;
  }

  #hover(node) {
    if (node === this.hovered) return;
    this.hovered = node;
    this.box.style.cursor = node ? "pointer" : "";
    this.unnamed = true;
    this.#rings();
    this.#draw();
  }

  #size() {
    this.dense = Math.max(1, Math.min(2, Math.round(devicePixelRatio || 1)));
    this.painter.size(Math.max(1, this.box.clientWidth * this.dense), Math.max(1, this.box.clientHeight * this.dense), this.dense);
    this.#unwrite();
    if (this.store) this.#nodes(this.store); // how large they are depends on the room
    this.#frame(performance.now()); // at once: what has another size is black
  }

  #move() {
    this.stirred = true; // the rest is counted from the frame that shows it: a slow one is no rest
    this.unnamed = true;
    this.#draw();
  }

  /** Draw in the next frame of the screen, and in those after it as long as something moves. */
  #draw() {
    this.due ??= requestAnimationFrame((now) => {
      this.due = null;
      this.#frame(now);
    });
  }

  #frame(now) {
    if (this.stirred) this.rests = now + REST;
    const { view, dense } = this, moves = now < this.rests, [x, y] = view.origin;
    this.stirred = false;
    if (this.store && this.unnamed && (!moves || now > this.chosen + RENAME)) {
      this.#names();
      this.unnamed = false;
      this.chosen = now;
    }
    const more = this.painter.draw(
      { scale: view.scale * dense, x: x * dense, y: y * dense, dense, grow: dense * Math.sqrt(view.zoom), now: Math.floor(now) },
      { thin: this.painter.data.links.count > MANY, took: now - this.before },
    );
    this.before = now;
    this.drawn += 1;
    if (more || moves || now < this.until) this.#draw();
  }
}

/** Return the beginning of a long text. */
function brief(text) {
  return text.length > 28 ? `${text.slice(0, 27).trimEnd()}…` : text;
}

/** Return the middle and the length of the range of all but a few that stand far out, with at least some room. */
function extent(values) {
  const sorted = Float64Array.from(values).sort(), few = Math.floor(sorted.length * 0.004);
  const low = sorted[few], high = sorted[sorted.length - 1 - few];
  return [(low + high) / 2, Math.max(120, high - low)];
}
