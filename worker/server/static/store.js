// What the page knows of the graph: what the database said last, and what events have told since.

const TICKS = 300; // that the charts show
const MEMORY = 60; // ticks for which strides are remembered: why a node is active
const FADING = 0.9; // by which a boundary's flow fades a tick
const STAGES = ["intake", "load", "select", "stage", "commit", "decay", "emit"];

export class Store {
  constructor() {
    this.nodes = new Map(); // by id
    this.links = new Map(); // by source, type and target
    this.ticks = []; // frame.end, and its active and shadow
    this.arrived = []; // strides and stimuli, oldest first
    this.flows = new Map(); // by both entities
    this.state = null;
    this.frame = null;
    this.limit = 300;
    this.news = { strides: [], flips: [], stimuli: [], shape: false, links: false, tick: false };
    this.unknown = false; // a node turned up of which only its id is known
  }

  /** Return what has happened since the last call. */
  take() {
    const { news } = this;
    this.news = { strides: [], flips: [], stimuli: [], shape: false, links: false, tick: false };
    return news;
  }

  /** Take in what the database says; `keep` is a node that stays whatever its energy. */
  read({ nodes, links }, keep) {
    const seen = new Set(nodes.map(({ id }) => id));
    for (const row of nodes) this.#put(row.id, row);
    for (const [id, node] of this.nodes) {
      if (!seen.has(id) && id !== keep) this.nodes.delete(id);
      else if (!seen.has(id)) node.energy = 0;
    }
    const before = this.links;
    this.news.links = true;
    this.links = new Map();
    for (const link of links) {
      const key = name(link);
      this.news.shape ||= !before.has(key);
      this.links.set(key, link);
    }
    this.news.shape ||= this.links.size !== before.size;
    if (keep) for (const [key, link] of before) {
      if ((link.source === keep || link.target === keep) && !this.links.has(key) && this.nodes.has(link.source) && this.nodes.has(link.target)) this.links.set(key, link);
    }
    this.unknown = false;
  }

  /** Take in one node, as its panel has read it. */
  readNode(found) {
    this.#put(found.id, { id: found.id, type: found.type, label: found.label, energy: found.energy ?? 0, threshold: found.threshold });
    for (const { target, ...link } of found.links) {
      if (!this.nodes.has(target)) continue;
      const whole = { source: found.id, target, ...link };
      if (!this.links.has(name(whole))) this.news.shape = true;
      this.links.set(name(whole), whole);
      this.news.links = true;
    }
  }

  event(event) {
    this.frame = event.frame;
    this[event.kind]?.(event);
  }

  ["snapshot.v1"](event) {
    this.state = event.state ?? this.state;
    for (const { node, ...row } of event.top) this.#put(node, row);
    this.news.tick = true;
  }

  ["worker.state.v1"](event) {
    this.state = event.state;
  }

  ["stimulus.injected.v1"](event) {
    const node = this.#touch(event.node);
    if (node) node.energy = (node.energy ?? 0) + event.delta;
    this.news.stimuli.push(event);
    this.#remember({ frame: event.frame, target: event.node, energy: event.delta, source: event.source, stimulus: true });
  }

  ["stride.exec.v1"](event) {
    const source = this.#touch(event.src), target = this.#touch(event.tgt);
    if (source) source.energy = Math.max(0, event.e_src_pre - event.delta_e);
    if (target) target.energy = event.e_tgt_post;
    if (source && target) {
      const link = { source: event.src, type: event.link_type, target: event.tgt, log_weight: null, z: null };
      if (!this.links.has(name(link))) {
        this.links.set(name(link), link);
        this.news.shape = true;
      }
      this.news.strides.push(event);
    }
    this.#remember({ frame: event.frame, target: event.tgt, source: event.src, energy: event.delta_e, reason: event.selected_reason, type: event.link_type, phi: event.phi });
  }

  ["node.flip.v1"](event) {
    const node = this.#touch(event.node);
    if (node) Object.assign(node, { energy: event.e_post, threshold: event.threshold });
    this.news.flips.push(event);
    this.#remember({ frame: event.frame, target: event.node, flip: event.direction, cause: event.cause });
  }

  ["entity.boundary.v1"](event) {
    const key = `${event.src_entity}\0${event.tgt_entity}`;
    const flow = this.flows.get(key) || { source: event.src_entity, target: event.tgt_entity, energy: 0, beams: 0 };
    flow.energy += event.energy;
    flow.beams = event.beams;
    this.flows.set(key, flow);
  }

  ["frame.end.v1"](event) {
    const timings = STAGES.map((stage) => event.timings_ms[stage] ?? 0);
    this.ticks.push({
      frame: event.frame, in: event.energy_in, moved: event.energy_transferred, decayed: event.energy_decay.total,
      active: event.frontier_active, shadow: event.frontier_shadow, timings,
    });
    if (this.ticks.length > TICKS) this.ticks.shift();
    for (const [key, flow] of this.flows) {
      flow.energy *= FADING;
      if (flow.energy < 1e-6) this.flows.delete(key);
    }
    const first = this.arrived.findIndex(({ frame }) => frame > event.frame - MEMORY);
    this.arrived.splice(0, first < 0 ? this.arrived.length : first);
    this.news.tick = true;
  }

  /** Return the nodes with most energy. */
  top(count) {
    return [...this.nodes.values()].filter(({ energy }) => energy > 0).sort((a, b) => b.energy - a.energy || (a.id < b.id ? -1 : 1)).slice(0, count);
  }

  /** Return what lately came to a node: who gave how much, by which links and why; stimuli; and its last flip. */
  why(id) {
    const mine = this.arrived.filter(({ target }) => target === id);
    const by = new Map();
    for (const one of mine) {
      if (one.flip) continue;
      const key = `${one.stimulus ? "stimulus" : "stride"}\0${one.source}`;
      const sum = by.get(key) || { ...one, energy: 0, times: 0, reasons: new Map() };
      sum.energy += one.energy;
      sum.times += 1;
      sum.frame = one.frame;
      if (one.reason) sum.reasons.set(one.reason, (sum.reasons.get(one.reason) || 0) + 1);
      by.set(key, sum);
    }
    return { given: [...by.values()].sort((a, b) => b.energy - a.energy), flip: mine.findLast(({ flip }) => flip) };
  }

  #remember(one) {
    this.arrived.push(one);
    if (this.arrived.length > 50_000) this.arrived.splice(0, 10_000);
  }

  /** Return a node; one of which only the id is known is added, while there is room. */
  #touch(id) {
    const node = this.nodes.get(id);
    if (node) return node;
    if (this.nodes.size >= 1.1 * this.limit + 20) return null;
    this.unknown = true;
    return this.#put(id, { label: null, type: null, energy: 0, threshold: null });
  }

  #put(id, row) {
    let node = this.nodes.get(id);
    if (!node) {
      node = { id };
      this.nodes.set(id, node);
      this.news.shape = true;
    }
    return Object.assign(node, row);
  }
}

export const isActive = ({ energy, threshold }) => threshold !== null && energy >= threshold;
export const named = (node) => node.label || node.id;
const name = ({ source, type, target }) => `${source}\0${type}\0${target}`;
export { STAGES };
