// The page: what comes in by events and answers goes to the store, and from there, once a frame, to what is seen.
import { Events, Failure, ask, remember } from "./api.js";
import { Chart } from "./charts.js";
import { GraphMap } from "./map.js";
import { Panel, Top, showFlows } from "./panel.js";
import { Search } from "./search.js";
import { STAGES, Store, isActive } from "./store.js";
import { element, marked } from "./words.js";

const $ = (id) => document.getElementById(id);
const READ = 3000; // ms between two looks at the database, at least
const SHARE = 20; // and at least so many times what a look takes at a graph in which there is something
const ALONE = 5000; // ms between two looks, where there is no worker to follow
const PAINT = 90; // ms between two paintings of all nodes, at least; more where there are many

class Page {
  constructor(graph, graphs) {
    this.graph = graph;
    this.store = new Store();
    this.selected = null;
    this.link = "connecting"; // open, lost, none
    this.trouble = null;
    this.first = true;
    this.painted = 0;
    this.reading = 0;
    this.read = (path, more = {}) => ask(path, { graph: this.graph, ...more });
    this.#graphs(graphs);
    this.map = webgl() ? new GraphMap($("map"), { select: (id) => this.select(id, { move: false }) }) : null;
    const colour = (type) => this.map?.colour(type) ?? "var(--c8)";
    this.top = new Top((id) => this.select(id, { focus: true }), colour);
    this.panel = new Panel({
      ask: this.read, close: () => this.close(), select: (id) => this.select(id, { focus: true }),
      read: (found) => { this.store.readNode(found); this.soon(); },
    });
    this.search = new Search({ ask: this.read, select: ({ id, ...found }) => this.select(id, { found, focus: true }) });
    this.charts = [
      new Chart($("energy-chart"), $("energy-legend"), [["in", 2], ["moved", 0], ["decayed", 1]], { title: "Energy a tick" }),
      new Chart($("nodes-chart"), $("nodes-legend"), [["active", 0], ["shadow", 8]], { title: "Nodes" }),
      new Chart($("time-chart"), $("time-legend"), STAGES.map((stage, k) => [stage, [2, 1, 3, 5, 0, 7, 8][k]]), { title: "Milliseconds of a tick", stacked: true }),
    ];
    this.#buttons();
    this.look();
    this.follow();
    this.standing();
  }

  follow() {
    this.events?.close();
    this.events = new Events(this.graph, {
      event: (event) => this.store.event(event),
      batch: () => this.soon(),
      open: () => { this.link = "open"; this.standing(); this.status(); },
      lost: () => { this.lost(); },
    });
  }

  /** A connection that ends tells a browser not why: ask. */
  async lost() {
    const was = this.link;
    if (this.link === "open") this.link = "lost";
    this.standing();
    await this.status();
    if (was !== this.link) this.standing();
  }

  async status() {
    try {
      const found = await this.read("/api/status");
      this.trouble = null;
      if (found.worker === null && this.link !== "open") this.link = "none";
      if (found.worker && !this.store.state) this.store.state = found.worker;
      this.counted = found;
      if (this.link === "none") { this.store.frame = found.tick; this.store.state = null; }
    } catch (error) {
      this.failed(error);
    }
    this.standing();
  }

  /** Read the most active nodes, and again as long as somebody looks. */
  async look() {
    clearTimeout(this.reading);
    let wait = READ, share = 1;
    if (!document.hidden) {
      const begun = performance.now();
      try {
        const found = await this.read("/api/graph", { limit: this.store.limit });
        this.store.read(found, this.selected);
        this.trouble = null;
        this.first = false;
        share = found.nodes.length ? SHARE : 1;
        if (!found.nodes.length || this.link === "none") await this.status();
        this.soon();
      } catch (error) {
        this.failed(error);
      }
      wait = Math.max(this.link === "none" ? ALONE : READ, share * (performance.now() - begun));
    }
    this.standing();
    this.reading = setTimeout(() => this.look(), wait);
  }

  failed(error) {
    if (!(error instanceof Failure)) throw error;
    this.trouble = error;
    if (error.status === 401) demand(true);
  }

  /** Show what has come, at the next frame of the screen; all nodes not more often than pays. */
  soon() {
    if (this.due) return;
    const slow = this.store.nodes.size > 1500 ? 500 : PAINT;
    this.due = setTimeout(() => requestAnimationFrame(() => {
      this.due = 0;
      this.painted = performance.now();
      this.draw();
    }), Math.max(0, this.painted + slow - performance.now()));
  }

  draw() {
    const { store } = this, news = store.take();
    if (this.map) {
      this.map.selected = this.selected;
      this.map.show(store, news);
      this.map.play(store, news);
    }
    if (store.unknown) this.#soonerLook();
    this.top.show(store, this.selected);
    showFlows(store);
    this.panel.show(store);
    if (news.tick) {
      this.panel.refresh(store);
      const { ticks } = store, frames = ticks.map(({ frame }) => frame);
      this.charts[0].show([frames, ...["in", "moved", "decayed"].map((name) => ticks.map((tick) => tick[name]))]);
      this.charts[1].show([frames, ...["active", "shadow"].map((name) => ticks.map((tick) => tick[name]))]);
      this.charts[2].show([frames, ...STAGES.map((_, k) => ticks.map(({ timings }) => timings[k]))]);
    }
    this.#legend();
    this.standing();
  }

  /** Say how things stand: the connection, the worker, and where there is nothing to see, why. */
  standing() {
    const { store, trouble } = this;
    const [text, tone] = this.#state();
    if ($("state").textContent !== text) $("state").textContent = text;
    $("state").dataset.tone = tone;
    $("tick").textContent = store.frame === null ? "–" : store.frame.toLocaleString("en");
    const paused = store.state === "paused";
    $("pause").disabled = this.link !== "open";
    $("pause").textContent = paused ? "Resume" : "Pause";
    const told = trouble && trouble.status !== 401 ? [trouble.message, trouble.remedy].filter(Boolean).join(": ") : "";
    $("banner").hidden = !told;
    tell("banner", told);
    const active = [...store.nodes.values()].filter(isActive).length;
    $("map").setAttribute("aria-label", `Graph of the ${store.nodes.size} nodes with most energy, ${active} of them active, and ${store.links.size} links. The list of the most active says the same.`);
    const [what, hint, waits] = this.#empty();
    $("empty").hidden = !what;
    $("empty").firstElementChild.hidden = !waits;
    tell("empty-what", what);
    tell("empty-hint", hint);
  }

  select(id, { move = true, focus = false, found = null } = {}) {
    if (id === null) return this.close();
    this.selected = id;
    if (!this.store.nodes.has(id)) this.store.readNode({ id, type: null, label: null, energy: 0, threshold: null, links: [], ...found });
    this.panel.open(id, this.store, focus);
    this.draw();
    if (move && this.map) setTimeout(() => this.map.approach(id), 60);
  }

  close() {
    const was = this.selected;
    this.selected = null;
    this.panel.open(null);
    this.draw();
    if (was && document.activeElement === document.body) $("active").focus({ preventScroll: true });
  }

  #state() {
    if (this.trouble?.status === 401) return ["token needed", "bad"];
    if (this.trouble?.status === 0 || this.link === "lost") return ["disconnected, trying again", "bad"];
    if (this.trouble) return ["the database does not answer", "bad"];
    if (this.link === "connecting") return ["connecting", "wait"];
    if (this.link === "none") return ["no worker here", "wait"];
    const state = this.store.state ?? "connected";
    return state === "running" ? ["live", "good"] : [state, "wait"];
  }

  #empty() {
    if (this.store.nodes.size) return this.map ? ["", "", false] : ["This browser draws no WebGL.", "The list of the most active nodes and the charts say the same in figures.", false];
    if (this.trouble?.status === 401) return ["A token is needed.", "", false];
    if (this.trouble) return ["Nothing to show yet.", "It goes on by itself as soon as there is an answer.", true];
    if (this.first) return ["Reading the graph…", "", true];
    if (this.counted?.nodes === 0) return [`The graph “${this.graph}” has no nodes.`, "`stridegraph import` brings them in, and so does Cypher: nodes with the label `Node` and the properties `graph` and `id`.", false];
    return ["All is at rest: no node has energy.", "Find a node above, and inject some.", false];
  }

  #soonerLook() {
    clearTimeout(this.reading);
    this.reading = setTimeout(() => this.look(), Math.max(300, this.store.nodes.size));
    this.store.unknown = false;
  }

  #legend() {
    const count = new Map();
    for (const { type } of this.store.nodes.values()) count.set(type, (count.get(type) || 0) + 1);
    const known = [...count].sort((a, b) => b[1] - a[1]).slice(0, 8);
    const text = known.map(([type, nodes]) => `${type ?? "no type"} ${nodes}`).join("|");
    if (!this.map || text === this.legend) return;
    this.legend = text;
    $("legend").replaceChildren(...known.map(([type, nodes]) => {
      const dot = element("i", { className: "dot" });
      dot.style.background = this.map.colour(type);
      return element("li", {}, dot, `${type ?? "no type"} ${nodes}`);
    }));
  }

  #graphs(graphs) {
    document.title = `${this.graph} · Stridegraph`;
    $("graphs").hidden = graphs.length < 2;
    $("graph").replaceChildren(...graphs.map((name) => element("option", { value: name, textContent: name, selected: name === this.graph })));
    $("graph").addEventListener("change", ({ target }) => { location.search = new URLSearchParams({ graph: target.value }); });
  }

  #buttons() {
    $("pause").addEventListener("click", async () => {
      try {
        await this.read("/api/control", { body: { action: this.store.state === "paused" ? "resume" : "pause" } });
      } catch (error) {
        this.failed(error);
        this.standing();
      }
    });
    $("theme").addEventListener("click", () => {
      const order = ["auto", "light", "dark"], root = document.documentElement;
      const next = order[(order.indexOf(root.dataset.theme ?? "auto") + 1) % 3];
      if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
      try { localStorage.setItem("stridegraph.theme", next); } catch { /* then for this page alone */ }
      this.recolour();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    this.recolour();
    for (const [id, factor] of [["zoom-in", 1.45], ["zoom-out", 0.7]]) $(id).addEventListener("click", () => this.map?.view.closer(factor));
    $("zoom-fit").addEventListener("click", () => this.map?.view.all());
    $("limit").addEventListener("change", ({ target }) => { this.store.limit = Number(target.value); this.look(); });
    document.addEventListener("keydown", ({ key, target }) => { if (key === "Escape" && target.id !== "search" && this.selected) this.close(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.look(); });
  }

  recolour() {
    const chosen = document.documentElement.dataset.theme ?? "auto";
    $("theme").setAttribute("aria-label", `Colours: ${chosen === "auto" ? "as the system has them" : chosen}`);
    $("theme").firstElementChild.textContent = { auto: "◐", light: "☀", dark: "☾" }[chosen];
    this.map?.theme();
    for (const chart of [...this.charts, this.panel.chart]) chart.theme();
    this.legend = null;
    this.soon();
  }
}

/** Say something, unless it is said already. */
function tell(id, text) {
  if ($(id).textContent !== text.replaceAll("`", "")) $(id).replaceChildren(...marked(text));
}

function webgl() {
  try { return Boolean(document.createElement("canvas").getContext("webgl2")); } catch { return false; }
}

/** Ask for the token; `wrong`: where one was given, it was not taken. */
function demand(wrong) {
  if ($("token").open) return;
  $("token-wrong").hidden = !wrong || !$("token-text").value;
  $("token-text").value = "";
  $("token").showModal();
}

$("token-form").addEventListener("submit", () => {
  remember($("token-text").value.trim());
  location.reload();
});

async function start() {
  for (let wait = 500; ; wait = Math.min(5000, 2 * wait)) {
    try {
      const { graphs } = await ask("/");
      const wanted = new URLSearchParams(location.search).get("graph");
      window.page = new Page(graphs.includes(wanted) ? wanted : graphs[0], graphs);
      return;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.status === 401) {
        $("state").textContent = "token needed";
        $("empty-what").textContent = "A token is needed.";
        $("empty").firstElementChild.hidden = true;
        return demand(true);
      }
      $("state").textContent = "disconnected, trying again";
      $("state").dataset.tone = "bad";
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

start();
