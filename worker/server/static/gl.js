// One canvas, drawn by WebGL in a few calls. Links and nodes are kept as a picture, which a frame puts under strides and names: moved and
// enlarged as the view has been since. Meanwhile the next picture is made, as much of it in each frame as keeps pace, and shown once it is done.
import { PROGRAMS } from "./shaders.js";

const WIDE = 256; // rows of data in a row of a texture, as the shaders have it
const FEWEST = 1000; // links and nodes that are drawn in a frame, however long it takes
const QUICK = 24, SLOW = 31; // ms of a frame, under which there is room for more, and over which there is too much
const LATE = 700; // ms after which the rest of the next picture is drawn at once
const EDGE = 64; // pixels around the map that are drawn too, so that they are there when it moves
const UNIFORMS = ["room", "view", "grow", "now", "shift", "back"];

/** Make room for so many rows of four whole numbers; `parts` sees the same as fractions. */
export function rows(count) {
  const whole = new Uint32Array(4 * WIDE * Math.max(1, Math.ceil(count / WIDE)));
  return { whole, parts: new Float32Array(whole.buffer), count };
}

export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, stencil: false });
    this.data = Object.fromEntries(["places", "links", "nodes", "strides", "rings", "labels"].map((name) => [name, rows(0)]));
    this.back = [1, 1, 1];
    this.budget = 4 * FEWEST; // links and nodes that keep pace
    this.made = 0; // pictures
    this.later = []; // what was given while one was being made
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.#begin());
    this.#begin();
  }

  /** Take in the data of a layer; `places` is where nodes stand, how large and in which colour. What a picture is being made of stays as it
   * is until that is done. `wears`: what of a picture is to be made anew; with the links the nodes are. */
  give(name, data, wears = { links: "links", nodes: "nodes" }[name]) {
    if (this.next && wears) this.later.push([name, data, wears]);
    else this.#take(name, data, wears);
  }

  /** Begin anew: nodes have other numbers now, or the map another size. */
  anew() {
    this.next = null;
    for (const given of this.later.splice(0)) this.#take(...given);
    this.worn = "links";
  }

  /** Take in the picture of all labels, or a part of it that is new. */
  texts(canvas, part) {
    const { gl } = this;
    this.written = canvas;
    gl.bindTexture(gl.TEXTURE_2D, this.textures.texts);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    if (part) gl.texSubImage2D(gl.TEXTURE_2D, 0, part[0], part[1], gl.RGBA, gl.UNSIGNED_BYTE, canvas.getContext("2d").getImageData(...part));
    else gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  }

  size(width, height, dense) {
    const { gl } = this, edge = EDGE * dense;
    Object.assign(this.canvas, { width, height });
    Object.assign(this, { dense, room: { width, height, edge: 0 }, wide: { width: width + 2 * edge, height: height + 2 * edge, edge } });
    for (const picture of this.pictures) {
      gl.bindTexture(gl.TEXTURE_2D, picture.texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, this.wide.width, this.wide.height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, picture.buffer);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, picture.texture, 0);
      picture.view = null;
    }
    this.anew();
  }

  /** Draw a frame. `thin`: links are hair lines; `took`: how long the last frame was, ms. Return whether there is more to draw, though nothing change. */
  draw(view, { thin, took }) {
    const { gl } = this;
    if (gl.isContextLost()) return false;
    if (this.making) this.budget = took > SLOW ? Math.max(FEWEST, 0.75 * this.budget) : took < QUICK ? Math.min(1e6, 1.15 * this.budget + 50) : this.budget;
    this.next ??= this.#start(view);
    this.making = Boolean(this.next);
    if (this.next && this.#make(thin)) this.#finish();
    this.#onto(null, this.room);
    this.#picture(this.pictures[0], view);
    for (const name of ["labels", "rings", "strides"]) this.#layer(name, view);
    return Boolean(this.next || this.worn) || differ(this.pictures[2].view, view);
  }

  /** Begin the next picture, if what is shown is not as it should be. */
  #start(view) {
    const [shown, , links] = this.pictures, all = this.worn === "links" || differ(links.view, view);
    if (!all && !this.worn) return null;
    const whole = !shown.view; // nothing is shown yet
    this.worn = null;
    return { view, links: all ? 0 : this.data.links.count, nodes: 0, all, until: whole ? 0 : view.now + LATE };
  }

  /** Go on with it: all links, which last until something moves; over them the nodes. Return whether it is done. */
  #make(thin) {
    const { next, data, pictures: [, ready, links] } = this, { view } = next;
    let room = performance.now() > next.until ? Infinity : Math.floor(this.budget);
    const some = (name, as) => {
      const count = Math.min(room, data[name].count - next[name]);
      this.#layer(name, view, { as, first: next[name], count });
      next[name] += count;
      room -= count;
      return next[name] === data[name].count;
    };
    if (next.all) {
      this.#onto(links, this.wide);
      if (!next.links) this.#clear();
      if (!some("links", thin ? "hair" : "links")) return false;
      next.all = false;
      links.view = view;
    }
    this.#onto(ready, this.wide);
    if (!next.nodes) this.#picture(links, view);
    return some("nodes", "nodes");
  }

  /** Show what is ready, and take in what came meanwhile. */
  #finish() {
    const [shown, ready, links] = this.pictures;
    ready.view = this.next.view;
    this.pictures = [ready, shown, links];
    this.next = null;
    this.made += 1;
    for (const given of this.later.splice(0)) this.#take(...given);
  }

  #take(name, data, wears) {
    const { gl } = this;
    this.data[name] = data;
    if (wears && this.worn !== "links") this.worn = wears;
    gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32UI, WIDE, data.whole.length / 4 / WIDE, 0, gl.RGBA_INTEGER, gl.UNSIGNED_INT, data.whole);
  }

  #begin() {
    const { gl } = this;
    this.programs = Object.fromEntries(Object.entries(PROGRAMS).map(([name, sources]) => [name, this.#program(sources)]));
    this.textures = Object.fromEntries([...Object.keys(this.data), "texts"].map((name) => [name, this.#texture(gl.NEAREST)]));
    this.pictures = Array.from({ length: 3 }, () => ({ texture: this.#texture(gl.LINEAR), buffer: gl.createFramebuffer(), view: null })); // shown, ready, links
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.BLEND);
    for (const [name, data] of Object.entries(this.data)) this.#take(name, data);
    if (this.written) this.texts(this.written);
    this.size(this.canvas.width, this.canvas.height, this.dense ?? 1);
  }

  #program([vertex, fragment]) {
    const { gl } = this, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader)).join(""));
    gl.useProgram(program);
    ["nodes", "rows", "texts", "scene"].forEach((name, unit) => gl.uniform1i(gl.getUniformLocation(program, name), unit));
    return { program, at: Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)])) };
  }

  #texture(filter) {
    const { gl } = this, texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, filter);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    return texture;
  }

  /** Draw onto a picture or, without one, the screen. */
  #onto(picture, room) {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, picture && picture.buffer);
    gl.viewport(0, 0, room.width, room.height);
    this.onto = room;
  }

  #clear() {
    this.gl.clearColor(...this.back, 1);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
  }

  #layer(name, view, { as = name, first = 0, count = this.data[name].count } = {}) {
    const { gl, onto: { width, height, edge } } = this, lines = as === "hair", corners = lines ? 2 : 6;
    if (count <= 0) return;
    const at = this.#use(as, [this.textures.places, this.textures[name], this.textures.texts]);
    gl.uniform2f(at.room, width, height);
    gl.uniform3f(at.view, view.scale, view.x + edge, view.y + edge);
    gl.uniform2f(at.grow, view.dense, view.grow);
    gl.uniform1ui(at.now, view.now);
    gl.drawArrays(lines ? gl.LINES : gl.TRIANGLES, corners * first, corners * count);
  }

  /** Put a picture where it belongs, as the view is now: pixel for pixel where it has not come closer. */
  #picture({ texture, view: was }, view) {
    const { gl, onto: { height, edge }, wide } = this, ratio = was.scale / view.scale;
    const [x, y] = ["x", "y"].map((axis) => was[axis] + wide.edge - (view[axis] + edge) * ratio).map((far) => (ratio === 1 ? Math.round(far) : far));
    const at = this.#use("still", [null, null, null, texture]);
    gl.uniform3f(at.shift, ratio, x, wide.height - y - height * ratio); // both have their origin below
    gl.uniform3f(at.back, ...this.back);
    gl.disable(gl.BLEND);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.enable(gl.BLEND);
  }

  #use(name, textures) {
    const { gl } = this;
    gl.useProgram(this.programs[name].program);
    textures.forEach((texture, unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
    });
    gl.activeTexture(gl.TEXTURE4); // what is taken in next disturbs none of these
    return this.programs[name].at;
  }
}

function differ(one, other) {
  return !one || ["scale", "x", "y", "grow"].some((name) => one[name] !== other[name]);
}
