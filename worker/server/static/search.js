// Find a node: a combobox, as ARIA describes it. Arrows choose, Enter takes, Escape leaves.
import { element } from "./words.js";

export class Search {
  constructor({ ask, select }) {
    Object.assign(this, { ask, select, found: [], at: -1, asked: 0, timer: 0 });
    this.input = document.getElementById("search");
    this.list = document.getElementById("matches");
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#look(), 150);
    });
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.#close(), 150));
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", ({ target }) => this.#take([...this.list.children].indexOf(target.closest("li"))));
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.ctrlKey && !event.metaKey && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
        event.preventDefault();
        this.input.focus();
      }
    });
  }

  async #look() {
    const text = this.input.value.trim(), mine = ++this.asked;
    if (!text) return this.#close();
    const patience = setTimeout(() => mine === this.asked && this.list.hidden && this.#show([], "Looking…"), 400);
    try {
      const { results } = await this.ask("/api/search", { q: text, limit: 12 });
      if (mine === this.asked) this.#show(results, `No id or label begins with “${text}”.`);
    } catch (error) {
      if (mine === this.asked) this.#show([], error.message);
    } finally {
      clearTimeout(patience);
    }
  }

  #show(found, otherwise) {
    this.found = found;
    this.list.replaceChildren(...found.map(({ id, type, label }, k) => {
      const told = [type, label && label !== id ? id : null].filter(Boolean).join(" · ");
      const item = element("li", { id: `match-${k}` }, label || id, ...(told ? [element("small", { textContent: told })] : []));
      item.setAttribute("role", "option");
      return item;
    }));
    if (!found.length) {
      const none = element("li", {}, otherwise);
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      this.list.append(none);
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.#move(found.length ? 0 : -1);
  }

  #move(to) {
    this.at = to;
    [...this.list.children].forEach((item, k) => item.setAttribute("aria-selected", String(k === to)));
    if (to >= 0) {
      this.input.setAttribute("aria-activedescendant", `match-${to}`);
      this.list.children[to].scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const { key } = event, count = this.found.length;
    if (key === "Escape") this.#close();
    else if (key === "Enter" && this.at >= 0) this.#take(this.at);
    else if ((key === "ArrowDown" || key === "ArrowUp") && count && !this.list.hidden) this.#move((this.at + (key === "ArrowDown" ? 1 : count - 1)) % count);
    else return;
    event.preventDefault();
  }

  #take(k) {
    const found = this.found[k];
    if (!found) return;
    this.input.value = "";
    this.#close();
    this.select(found);
  }

  #close() {
    this.asked += 1;
    this.found = [];
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#move(-1);
  }
}
