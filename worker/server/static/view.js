// Where one looks: what of the graph is where on the map, and how that changes by mouse, fingers and keys.
const LEAST = 0.25, MOST = 60; // times as close as where all is seen
const PADDING = 36; // pixels
const STEP = 60; // pixels a key moves it
const CLICK = 5; // pixels that a pointer may stray
const KEYS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class View {
  constructor(box, { moved, clicked, pointed }) {
    Object.assign(this, { box, moved, clicked, pointed, x: 0, y: 0, zoom: 1, frame: { x: 0, y: 0, width: 120, height: 120 }, down: new Map() });
    box.addEventListener("pointerdown", (event) => this.#press(event));
    box.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) box.addEventListener(kind, (event) => this.#release(event));
    box.addEventListener("pointerleave", () => this.pointed(null));
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    box.addEventListener("dblclick", (event) => this.closer(1.8, this.#pixel(event)));
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Pixels of a unit of the graph. */
  get scale() {
    const { box, frame } = this;
    return this.zoom * Math.max(0.001, Math.min((box.clientWidth - 2 * PADDING) / frame.width, (box.clientHeight - 2 * PADDING) / frame.height));
  }

  /** The pixel of the graph's own origin: the middle of the map shows the frame's middle, moved by x and y of its size. */
  get origin() {
    const { box, frame, scale } = this;
    return [box.clientWidth / 2 - scale * (frame.x + this.x * frame.width), box.clientHeight / 2 - scale * (frame.y + this.y * frame.height)];
  }

  /** Say what is all of it: the middle and the size of what is to be seen when nobody has moved. */
  fit(frame) {
    this.frame = frame;
    this.moved();
  }

  pan(right, down) {
    const { frame, scale } = this;
    this.#set({ x: this.x - right / scale / frame.width, y: this.y - down / scale / frame.height });
  }

  /** Come closer by a factor; the graph stays under a pixel, the middle if none is given. */
  closer(factor, [x, y] = [this.box.clientWidth / 2, this.box.clientHeight / 2], soft = true) {
    const to = Math.min(MOST, Math.max(LEAST, this.zoom * factor)), share = 1 / this.scale - this.zoom / to / this.scale;
    const { frame } = this, found = { zoom: to, x: this.x + ((x - this.box.clientWidth / 2) * share) / frame.width, y: this.y + ((y - this.box.clientHeight / 2) * share) / frame.height };
    if (soft) this.#glide(found, 200); else this.#set(found);
  }

  all() {
    this.#glide({ x: 0, y: 0, zoom: 1 }, 300);
  }

  approach(x, y) {
    const { frame } = this;
    this.#glide({ x: (x - frame.x) / frame.width, y: (y - frame.y) / frame.height, zoom: Math.max(1.7, this.zoom) }, 450);
  }

  #set(found) {
    this.gliding = null;
    Object.assign(this, found);
    this.moved();
  }

  #glide(to, span) {
    if (still.matches) return this.#set(to);
    const from = { x: this.x, y: this.y, zoom: this.zoom }, begun = performance.now(), mine = (this.gliding = {});
    const step = (now) => {
      if (this.gliding !== mine) return;
      const part = Math.min(1, Math.max(0, (now - begun) / span)), eased = part * (2 - part);
      for (const name of Object.keys(to)) this[name] = from[name] + (to[name] - from[name]) * eased;
      this.moved();
      if (part < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #pixel({ clientX, clientY }) {
    const { left, top } = this.box.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  #press(event) {
    if (event.button) return;
    this.box.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.#pixel(event));
    this.strayed = this.down.size > 1 ? Infinity : 0;
  }

  /** One pointer drags; two pinch, about the one that is not moving. */
  #move(event) {
    const at = this.#pixel(event), was = this.down.get(event.pointerId);
    if (!was) return this.pointed(event.pointerType === "mouse" ? at : null);
    this.down.set(event.pointerId, at);
    this.strayed += Math.hypot(at[0] - was[0], at[1] - was[1]);
    const other = [...this.down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) this.closer(Math.hypot(at[0] - other[0], at[1] - other[1]) / Math.max(1, Math.hypot(was[0] - other[0], was[1] - other[1])), other, false);
    else if (this.strayed > CLICK) this.pan(at[0] - was[0], at[1] - was[1]);
  }

  #release(event) {
    if (!this.down.delete(event.pointerId)) return;
    if (event.type === "pointerup" && this.strayed <= CLICK) this.clicked(this.#pixel(event), event.pointerType === "mouse" ? 3 : 14);
  }

  #wheel(event) {
    event.preventDefault();
    this.closer(Math.exp(-0.0016 * Math.max(-300, Math.min(300, event.deltaY * (event.deltaMode ? 30 : 1)))), this.#pixel(event), false);
  }

  #key(event) {
    const { key } = event, way = KEYS[key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way) this.pan(STEP * way[0], STEP * way[1]);
    else if (key === "+" || key === "=") this.closer(1.45);
    else if (key === "-") this.closer(0.7);
    else if (key === "0") this.all();
    else return;
    event.preventDefault();
  }
}
