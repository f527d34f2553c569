// What stands beside the map: a node, the most active ones, and what flows between entities.
import { Chart } from "./charts.js";
import { isActive, named } from "./store.js";
import { element, short } from "./words.js";

const $ = (id) => document.getElementById(id);
const plain = (type) => type.toLowerCase().replaceAll("_", " ");
const SHOWN = 15;
const REASONS = {
  weight: "chosen for their weight", goal: "chosen for the goal", novelty: "chosen for novelty", resonance: "chosen by the mood",
  complementarity: "chosen to balance the mood", only: "the source's one link", top_k: "among the source's best", explore: "tried by chance",
  shadow_retry: "retried from below the threshold",
};

/** The nodes with most energy: rows stay where they are while their node is listed, so that the focus does too. */
export class Top {
  constructor(select, colour) {
    Object.assign(this, { select, colour, rows: [] });
  }

  show(store, selected) {
    const found = store.top(SHOWN), body = $("top");
    while (this.rows.length < found.length) {
      const dot = element("span", { className: "dot" }), text = element("span"), energy = element("td");
      const button = element("button", { type: "button" }, dot, text), row = element("tr", {}, element("td", {}, button), energy);
      const made = { row, button, dot, text, energy, id: null };
      button.addEventListener("click", () => this.select(made.id));
      this.rows.push(made);
      body.append(row);
    }
    while (this.rows.length > found.length) this.rows.pop().row.remove();
    found.forEach((node, k) => {
      const made = this.rows[k];
      made.id = node.id;
      made.row.className = isActive(node) ? "on" : "off";
      made.row.toggleAttribute("aria-current", node.id === selected);
      made.dot.style.background = this.colour(node.type);
      made.text.textContent = named(node);
      made.button.title = `${node.id}${node.type ? ` · ${node.type}` : ""}`;
      made.energy.textContent = node.energy.toFixed(node.energy < 10 ? 3 : 2);
    });
    $("top-empty").hidden = found.length > 0;
  }
}

export function showFlows(store) {
  const found = [...store.flows.values()].sort((a, b) => b.energy - a.energy).slice(0, 8);
  $("flows-card").hidden = found.length === 0;
  $("flows").replaceChildren(...found.map(({ source, target, energy }) => {
    const bar = element("span", { className: "track" });
    bar.style.width = `${(100 * energy) / found[0].energy}%`;
    return element("li", {}, element("span", { textContent: `${source} → ${target}` }), element("span", { className: "n", textContent: short(energy) }), bar);
  }));
}

export class Panel {
  constructor({ ask, close, select, read }) {
    Object.assign(this, { ask, select, read, id: null, history: [], asking: false, at: 0 });
    this.chart = new Chart($("panel-chart"), null, [["energy", 0], ["threshold", 8]], { title: "Energy over time" });
    $("panel-close").addEventListener("click", close);
    $("inject").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#inject(Number($("amount").value));
    });
  }

  open(id, store, focus) {
    this.id = id;
    this.history = [];
    $("injected").textContent = "";
    $("panel").hidden = id === null;
    if (id === null) return;
    for (const name of ["energy", "threshold", "visits"]) $(`panel-${name}`).textContent = "–";
    $("panel-links").replaceChildren();
    this.chart.show([[], [], []]);
    this.show(store);
    this.refresh(store);
    $("panel").scrollIntoView({ block: "nearest" });
    if (focus) $("panel-title").focus();
  }

  /** Show what the store knows of the node. */
  show(store) {
    if (this.id === null) return;
    const node = store.nodes.get(this.id) || { id: this.id };
    $("panel-title").textContent = named(node);
    $("panel-sub").textContent = [node.type, node.label && node.label !== node.id ? node.id : null].filter(Boolean).join(" · ");
    if (node.energy !== undefined) $("panel-energy").textContent = short(node.energy);
    if (node.threshold) $("panel-threshold").textContent = short(node.threshold);
    if (store.frame !== null && node.energy !== undefined) {
      const last = this.history.at(-1);
      if (last?.[0] === store.frame) last[1] = node.energy;
      else this.history.push([store.frame, node.energy, node.threshold ?? null]);
      if (this.history.length > 300) this.history.shift();
      this.chart.show([0, 1, 2].map((k) => this.history.map((row) => row[k])));
    }
    this.#why(store, node);
  }

  /** Read the node anew; at most once a second. */
  async refresh(store) {
    if (this.id === null || this.asking || performance.now() < this.at + 1000) return;
    const { id } = this;
    this.asking = true;
    try {
      const found = await this.ask(`/api/node/${encodeURIComponent(id)}`);
      if (id !== this.id) return;
      this.read(found);
      $("panel-visits").textContent = found.visits.toLocaleString("en");
      if (found.energy === null) $("panel-energy").textContent = "quarantined";
      $("panel-none").hidden = found.links.length > 0;
      $("panel-links").replaceChildren(...found.links.map((link) => {
        const button = element("button", { type: "button", className: "link", textContent: named({ id: link.target, label: link.label }) });
        button.addEventListener("click", () => this.select(link.target));
        return element("tr", {}, element("td", {}, button, element("small", { textContent: plain(link.type) })), element("td", { className: "n", textContent: short(link.log_weight) }), element("td", { className: "n", textContent: link.z === null ? "skipped" : link.z.toFixed(2) }));
      }));
      this.show(store);
    } catch (error) {
      $("injected").textContent = error.message;
    } finally {
      this.asking = false;
      this.at = id === this.id ? performance.now() : 0;
      if (id !== this.id) this.refresh(store);
    }
  }

  #why(store, node) {
    const { given, flip } = store.why(this.id);
    const lines = given.slice(0, 6).map((one) => {
      const from = store.nodes.get(one.source);
      if (one.stimulus) return element("li", {}, `a stimulus of ${short(one.energy)} ${one.source ? `by ${one.source}` : ""}`);
      const button = element("button", { type: "button", className: "link", textContent: from ? named(from) : one.source });
      button.addEventListener("click", () => this.select(one.source));
      const most = [...one.reasons].sort((a, b) => b[1] - a[1])[0];
      const told = [plain(one.type), `${one.times} ${one.times === 1 ? "stride" : "strides"}`, most && (REASONS[most[0]] ?? most[0])].filter(Boolean).join(", ");
      return element("li", { className: "given" }, element("span", { className: "n", textContent: short(one.energy) }), element("span", { className: "unseen", textContent: " from " }), button, element("small", { textContent: ` ${told}` }));
    });
    if (flip) lines.unshift(element("li", {}, `${flip.flip === "on" ? "It became active" : "It ceased to be"} at tick ${flip.frame}, by ${flip.cause === "stimulus" ? "a stimulus" : flip.cause === "stride" ? "strides" : "decay"}.`));
    if (node.energy !== undefined && node.threshold && !isActive(node)) lines.unshift(element("li", { textContent: `It is not: ${short(node.energy / node.threshold * 100)} % of its threshold.` }));
    if (!given.length) lines.push(element("li", {}, element("small", { textContent: "No stride of those that the page is told of reached it in the last 60 ticks." })));
    if (lines.map((line) => line.textContent).join("\n") !== [...$("why").children].map((line) => line.textContent).join("\n")) $("why").replaceChildren(...lines);
  }

  async #inject(delta) {
    const { id } = this, told = $("injected");
    told.textContent = "…";
    try {
      await this.ask("/api/stimuli", { body: { node: id, delta, source: "page" } });
      told.textContent = `${short(delta)} is queued: the next tick takes it.`;
    } catch (error) {
      told.textContent = [error.message, error.remedy].filter(Boolean).join(": ");
    }
  }
}
