// One canvas, drawn by WebGL in a few calls. Links and nodes are kept as a picture while nothing of them changes, so that a frame in which
// only strides flow costs no more than to put that picture under them.
import { PROGRAMS } from "./shaders.js";

const WIDE = 256; // rows of data in a row of a texture, as the shaders have it
const FEWEST = 1000; // links that are drawn while the view moves, however slowly
const QUICK = 24, SLOW = 31; // ms of a frame, under which there is room for more links, and over which there are too many

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
    this.budget = 4 * FEWEST; // links that keep pace while the view moves
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.#begin());
    this.#begin();
  }

  /** Take in the data of a layer; `places` is where nodes stand, how large and in which colour. */
  give(name, data) {
    const { gl } = this;
    this.data[name] = data;
    this.changed ||= ["places", "links", "nodes"].includes(name);
    gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32UI, WIDE, data.whole.length / 4 / WIDE, 0, gl.RGBA_INTEGER, gl.UNSIGNED_INT, data.whole);
  }

  /** Take in the picture of all labels, or a part of it that is new. */
  texts(canvas, part) {
    const { gl } = this;
    this.picture = canvas;
    gl.bindTexture(gl.TEXTURE_2D, this.textures.texts);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    if (part) gl.texSubImage2D(gl.TEXTURE_2D, 0, part[0], part[1], gl.RGBA, gl.UNSIGNED_BYTE, canvas.getContext("2d").getImageData(...part));
    else gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  }

  size(width, height) {
    const { gl } = this;
    Object.assign(this.canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.bindTexture(gl.TEXTURE_2D, this.textures.scene);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.kept);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.textures.scene, 0);
    this.changed = true;
  }

  /** Draw a frame. While all of it moves, the heaviest links are drawn, as many as keep pace: `took` is how long the last frame was. */
  draw(view, { moves, thin, took }) {
    const { gl, data } = this;
    if (gl.isContextLost()) return;
    this.view = view;
    if (moves && this.moved) this.budget = took > SLOW ? Math.max(FEWEST, 0.75 * this.budget) : took < QUICK ? Math.min(1e6, 1.15 * this.budget + 50) : this.budget;
    const all = data.links.count, some = moves ? Math.min(all, Math.floor(this.budget)) : all;
    if (this.changed || moves || this.moved) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, moves ? null : this.kept);
      gl.clearColor(...this.back, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      this.#layer("links", { as: thin ? "hair" : "links", first: all - some });
      this.#layer("nodes");
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    if (!moves) this.#still();
    for (const name of ["labels", "rings", "strides"]) this.#layer(name);
    this.changed = false;
    this.moved = moves;
  }

  #begin() {
    const { gl } = this;
    this.programs = Object.fromEntries(Object.entries(PROGRAMS).map(([name, sources]) => [name, this.#program(sources)]));
    this.textures = Object.fromEntries([...Object.keys(this.data), "texts", "scene"].map((name) => [name, this.#texture()]));
    this.kept = gl.createFramebuffer();
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.BLEND);
    for (const [name, data] of Object.entries(this.data)) this.give(name, data);
    if (this.picture) this.texts(this.picture);
    this.size(this.canvas.width, this.canvas.height);
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
    return { program, at: Object.fromEntries(["room", "view", "grow", "now"].map((name) => [name, gl.getUniformLocation(program, name)])) };
  }

  #texture() {
    const { gl } = this, texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    return texture;
  }

  #layer(name, { as = name, first = 0 } = {}) {
    const { gl, view } = this, { count } = this.data[name], lines = as === "hair", corners = lines ? 2 : 6;
    if (count <= first) return;
    const { at } = this.#use(as, name);
    gl.uniform2f(at.room, this.canvas.width, this.canvas.height);
    gl.uniform3f(at.view, view.scale, view.x, view.y);
    gl.uniform2f(at.grow, view.dense, view.grow);
    gl.uniform1ui(at.now, view.now);
    gl.drawArrays(lines ? gl.LINES : gl.TRIANGLES, corners * first, corners * (count - first));
  }

  #still() {
    const { gl } = this;
    this.#use("still");
    gl.disable(gl.BLEND);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.enable(gl.BLEND);
  }

  #use(name, given) {
    const { gl } = this;
    gl.useProgram(this.programs[name].program);
    ["places", given ?? "places", "texts", "scene"].forEach((texture, unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, this.textures[texture]);
    });
    gl.activeTexture(gl.TEXTURE4); // what is taken in next disturbs none of these
    return this.programs[name];
  }
}
