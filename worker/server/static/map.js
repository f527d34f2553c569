// The graph: sigma draws nodes and links by WebGL; a canvas above it shows what moves. Where there is no WebGL, it says so.
import { colours, mix } from "./colours.js";
import { isActive, named } from "./store.js";

const FLIGHT = 900, FLASH = 1100; // ms that a stride takes, and a flip glows
const MANY = 4000; // links from which on they are hair lines, left out while the view moves
const MOVING = 250; // strides on their way at once
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class GraphMap {
  constructor(box, { select }) {
    this.box = box;
    this.selected = null;
    this.hovered = null;
    this.kinds = new Map(); // type → number of its colour
    this.graph = new graphology.MultiDirectedGraph();
    this.flights = [];
    this.flashes = [];
    this.version = 0;
    this.drawn = 0; // frames
    this.sigma = new Sigma(this.graph, box, {
      allowInvalidContainer: true,
      labelFont: getComputedStyle(document.body).fontFamily,
      labelSize: 12,
      labelDensity: 0.6,
      labelGridCellSize: 110,
      labelRenderedSizeThreshold: 6,
      minEdgeThickness: 0.4,
      stagePadding: 36,
      zIndex: true,
      edgeProgramClasses: { thick: Sigma.rendering.EdgeRectangleProgram, thin: Sigma.rendering.EdgeLineProgram },
      defaultEdgeType: "thick",
      defaultDrawNodeHover: (context, data, settings) => this.#drawHover(context, data, settings),
    });
    this.sigma.on("clickNode", ({ node }) => select(node));
    this.sigma.on("clickStage", () => select(null));
    this.sigma.on("enterNode", ({ node }) => this.#hover(node));
    this.sigma.on("leaveNode", () => this.#hover(null));
    this.sigma.on("afterRender", () => { this.drawn += 1; });
    this.canvas = Object.assign(document.createElement("canvas"), { className: "overlay" });
    box.querySelector(".sigma-hovers, .sigma-mouse")?.before(this.canvas);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true }); // on the processor: it is small strokes, anew in every frame
    new ResizeObserver(() => this.#size()).observe(box);
    this.worker = new Worker("/page/layout.js");
    this.worker.onmessage = ({ data }) => this.#place(data);
    this.theme();
    this.#size();
  }

  theme() {
    this.colours = colours();
    this.sigma.setSetting("labelColor", { color: this.colours.text });
  }

  /** Show the store's nodes and links; `shape` is that some came or went. */
  show(store, shape) {
    if (shape) this.#shape(store);
    this.paint(store);
  }

  /** Give each node and link the size and colour that its energy and weight ask for. */
  paint(store) {
    const { graph, selected } = this;
    const near = selected && graph.hasNode(selected) ? new Set([selected, ...graph.neighbors(selected)]) : null;
    const room = Math.sqrt((this.box.clientWidth * this.box.clientHeight) / Math.max(1, graph.order)); // pixels for a node, each way
    const scale = Math.min(1, Math.max(0.28, room / 52));
    const back = this.colours.map;
    // in place, and told to sigma once: an event for each of thousands would cost more than the drawing
    graph.forEachNode((id, attributes) => {
      const node = store.nodes.get(id);
      if (!node) return;
      const own = this.colour(node.type), active = isActive(node);
      const share = node.energy / (node.threshold || 1);
      const dim = near && !near.has(id);
      attributes.size = scale * (2.6 + 3.8 * Math.sqrt(Math.min(share, 12))) * (id === selected ? 1.15 : 1);
      attributes.color = dim ? mix(own, back, 0.74) : active ? own : mix(own, back, 0.55);
      attributes.label = dim ? "" : brief(named(node));
      attributes.forceLabel = id === selected;
      attributes.zIndex = id === selected ? 2 : active ? 1 : 0;
    });
    const many = graph.size > MANY;
    if (this.many !== many) {
      this.many = many;
      this.sigma.setSetting("defaultEdgeType", many ? "thin" : "thick");
      this.sigma.setSetting("hideEdgesOnMove", many);
    }
    graph.forEachEdge((key, attributes, source, target) => {
      const link = store.links.get(key);
      const heavy = link && link.z !== null ? 1 / (1 + Math.exp(-link.z)) : 0.3;
      const mine = near && (source === selected || target === selected);
      attributes.size = (many ? 0.5 : 0.7) + (many ? 0.9 : 2) * heavy ** 2;
      attributes.color = mine ? mix(this.colours.glow, this.colours.link, 0.35) : mix(this.colours.link, back, near ? 0.8 : (many ? 0.62 : 0.45) * (1 - heavy));
      attributes.zIndex = mine ? 1 : 0;
    });
    this.sigma.scheduleRefresh();
  }

  /** Let strides flow and flips flash. */
  play(store, { strides, flips, stimuli }) {
    if (document.hidden) return;
    const now = performance.now();
    if (!still.matches) {
      const some = strides.length > 120 ? strides.toSorted((a, b) => b.delta_e - a.delta_e).slice(0, 120) : strides;
      for (const { src, tgt, delta_e } of some) {
        if (this.flights.length >= MOVING || !this.graph.hasNode(src) || !this.graph.hasNode(tgt)) continue;
        this.flights.push({ src, tgt, begun: now + 250 * Math.random(), width: 1.4 + 1.6 * Math.min(1, Math.sqrt(delta_e)), colour: this.colour(store.nodes.get(src)?.type ?? null) });
      }
    }
    for (const { node, direction } of flips) this.#flash(node, direction === "on" ? this.colours.glow : this.colours.soft, direction === "on", now);
    for (const { node } of stimuli) this.#flash(node, this.colours.good, true, now);
    this.#animate();
  }

  colour(type) {
    const key = type ?? "";
    if (!this.kinds.has(key)) this.kinds.set(key, type === null ? 8 : Math.min(8, [...this.kinds.keys()].filter(Boolean).length));
    return this.colours.types[this.kinds.get(key)];
  }

  async approach(id) {
    if (!this.graph.hasNode(id)) return;
    const found = this.sigma.viewportToFramedGraph(this.#at(id));
    await this.sigma.getCamera().animate({ x: found.x, y: found.y, ratio: Math.min(0.6, this.sigma.getCamera().ratio) }, { duration: still.matches ? 0 : 450 });
  }

  zoom(factor) {
    const camera = this.sigma.getCamera();
    if (factor) camera.animate({ ratio: Math.min(4, Math.max(0.02, camera.ratio * factor)) }, { duration: still.matches ? 0 : 200 });
    else camera.animatedReset({ duration: still.matches ? 0 : 300 });
  }

  pan(x, y) {
    const camera = this.sigma.getCamera();
    camera.setState({ x: camera.x + x * camera.ratio, y: camera.y + y * camera.ratio });
  }

  #hover(node) {
    this.hovered = node;
    this.box.style.cursor = node ? "pointer" : "";
  }

  #flash(node, colour, grows, now) {
    if (this.graph.hasNode(node) && this.flashes.length < MOVING) this.flashes.push({ node, colour, grows, begun: now });
  }

  #shape(store) {
    const { graph } = this;
    for (const key of graph.edges()) if (!store.links.has(key)) graph.dropEdge(key);
    for (const id of graph.nodes()) if (!store.nodes.has(id)) graph.dropNode(id);
    for (const id of store.nodes.keys()) {
      if (graph.hasNode(id)) continue;
      const beside = this.#beside(store, id);
      graph.addNode(id, { x: beside.x + 8 * (Math.random() - 0.5), y: beside.y + 8 * (Math.random() - 0.5), size: 2, color: this.colours.link });
    }
    for (const [key, { source, target }] of store.links) {
      if (!graph.hasEdge(key) && source !== target && graph.hasNode(source) && graph.hasNode(target)) graph.addEdgeWithKey(key, source, target, { size: 0.5, color: this.colours.link });
    }
    this.ids = graph.nodes();
    const at = new Map(this.ids.map((id, index) => [id, index]));
    this.version += 1;
    this.worker.postMessage({ version: this.version, ids: this.ids, pairs: graph.mapEdges((_, __, source, target) => [at.get(source), at.get(target)]) });
  }

  #beside(store, id) {
    for (const { source, target } of store.links.values()) {
      const other = source === id ? target : target === id ? source : null;
      if (other !== null && this.graph.hasNode(other)) return this.graph.getNodeAttributes(other);
      if (this.graph.order > 1000) break;
    }
    return { x: 0, y: 0 };
  }

  #place({ version, places }) {
    if (version !== this.version) return;
    let index = 0;
    const xs = [], ys = [];
    this.graph.forEachNode((_, attributes) => {
      attributes.x = places[2 * index];
      attributes.y = -places[2 * index + 1];
      xs.push(attributes.x);
      ys.push(attributes.y);
      index += 1;
    });
    if (!index) return;
    this.sigma.setCustomBBox({ x: extent(xs), y: extent(ys) });
    this.sigma.scheduleRefresh();
  }

  #size() {
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = Math.max(1, this.box.clientWidth * ratio);
    this.canvas.height = Math.max(1, this.box.clientHeight * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  #animate() {
    if (this.running || !(this.flights.length || this.flashes.length)) return;
    this.running = true;
    const frame = (now) => {
      this.#draw(now);
      this.running = this.flights.length > 0 || this.flashes.length > 0;
      if (this.running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  #draw(now) {
    const { context, graph } = this;
    context.clearRect(0, 0, this.box.clientWidth, this.box.clientHeight);
    this.flights = this.flights.filter(({ begun, src, tgt }) => now < begun + FLIGHT && graph.hasNode(src) && graph.hasNode(tgt));
    this.flashes = this.flashes.filter(({ begun, node }) => now < begun + FLASH && graph.hasNode(node));
    context.lineCap = "round";
    for (const { src, tgt, begun, width, colour } of this.flights) {
      if (now < begun) continue;
      const part = (now - begun) / FLIGHT, eased = part * part * (3 - 2 * part), back = Math.max(0, eased - 0.16);
      const from = this.#at(src), to = this.#at(tgt);
      context.globalAlpha = Math.min(1, 5 * part, 5 * (1 - part));
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(from.x + (to.x - from.x) * back, from.y + (to.y - from.y) * back);
      const x = from.x + (to.x - from.x) * eased, y = from.y + (to.y - from.y) * eased;
      context.lineTo(x, y);
      context.stroke();
      context.fillStyle = colour;
      context.beginPath();
      context.arc(x, y, 0.5 + width, 0, 7);
      context.fill();
    }
    for (const { node, colour, grows, begun } of this.flashes) {
      const part = Math.max(0, (now - begun) / FLASH), at = this.#at(node);
      const size = this.sigma.scaleSize(graph.getNodeAttribute(node, "size"));
      context.globalAlpha = (1 - part) ** 1.5;
      context.strokeStyle = colour;
      context.lineWidth = 2.5 * (1 - part) + 0.5;
      context.beginPath();
      context.arc(at.x, at.y, size + (grows ? 22 * part : 10 * (1 - part)), 0, 7);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  #at(id) {
    return this.sigma.graphToViewport(this.graph.getNodeAttributes(id));
  }

  #drawHover(context, data, settings) {
    const text = data.label || "", size = settings.labelSize;
    context.font = `600 ${size}px ${settings.labelFont}`;
    const width = text ? context.measureText(text).width + 14 : 0, height = size + 12, x = data.x + data.size + 4;
    context.strokeStyle = this.colours.text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(data.x, data.y, data.size + 2, 0, 7);
    context.stroke();
    if (!text) return;
    context.fillStyle = this.colours.card;
    context.strokeStyle = this.colours.edge;
    context.lineWidth = 1;
    context.beginPath();
    context.roundRect(x, data.y - height / 2, width, height, 6);
    context.fill();
    context.stroke();
    context.fillStyle = this.colours.text;
    context.fillText(text, x + 7, data.y + size / 3);
  }
}

/** Return the beginning of a long text. */
function brief(text) {
  return text.length > 28 ? `${text.slice(0, 27).trimEnd()}…` : text;
}

/** Return the range of all but a few that stand far out, and at least some room. */
function extent(values) {
  const sorted = Float64Array.from(values).sort();
  const few = Math.floor(sorted.length * 0.004);
  const low = sorted[few], high = sorted[sorted.length - 1 - few], short = Math.max(0, 120 - (high - low)) / 2;
  return [low - short, high + short];
}
