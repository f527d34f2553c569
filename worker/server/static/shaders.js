// What the graphics card is told. A row of data is four whole numbers in a texture; a corner finds its row by its own number, so that a layer
// is one call without attributes. (Instances would cost a software renderer a call each: 500 ms for 14 600 links rather than 80.)
const COMMON = `#version 300 es
precision highp float; precision highp int; precision highp usampler2D;
uniform usampler2D nodes, rows;
uniform vec2 room;          // of the canvas, in pixels
uniform vec3 view;          // pixels a unit of the graph; where its origin is
uniform vec2 grow;          // pixels a pixel of the page; the same for sizes, which grow as one comes closer
uniform uint now;           // ms
`;
const VERTEX = `${COMMON}
out vec4 colour; out vec4 at;
uvec4 row(usampler2D from, uint k) { return texelFetch(from, ivec2(k & 255u, k >> 8), 0); }
vec2 place(uvec4 node) { return uintBitsToFloat(node.xy) * view.x + view.yz; }
float size(uvec4 node) { return uintBitsToFloat(node.z) * grow.y; }
vec4 unpack(uint c) { return vec4(c & 255u, c >> 8 & 255u, c >> 16 & 255u, c >> 24) / 255.; }
void put(vec2 pixel) { gl_Position = vec4(pixel / room * vec2(2, -2) + vec2(-1, 1), 0, 1); }
void hide() { gl_Position = vec4(2, 2, 2, 1); }
uvec4 mine() { return row(rows, uint(gl_VertexID) / 6u); }
vec2 corner() { int k = gl_VertexID % 6; return vec2(k == 1 || k == 3 || k == 4 ? 1 : -1, k == 2 || k == 4 || k == 5 ? 1 : -1); }
float since(uint begun, float span) { return float(int(now - begun)) / span; }
// a corner of a box around the way from one pixel to another; at: along and across, as pixels
vec2 beam(vec2 from, vec2 to, float reach) {
  vec2 way = to - from; float far = length(way); way = far > 0. ? way / far : vec2(1, 0);
  vec2 c = corner(); at = vec4(c.x < 0. ? -reach : far + reach, c.y * reach, far, 0);
  return from + way * at.x + vec2(-way.y, way.x) * at.y;
}
`;
const FRAGMENT = `${COMMON}
in vec4 colour; in vec4 at; out vec4 seen;
void paint(vec4 c, float share) { share *= c.a; seen = vec4(c.rgb * share, share); }
float cover(float far, float reach) { return clamp(reach + .5 - far, 0., 1.); }
`;
const program = (vertex, fragment) => [`${VERTEX} void main() { ${vertex} }`, `${FRAGMENT} ${fragment}`];

export const PROGRAMS = {
  // a picture of what was drawn before; shift: its pixels for a pixel, and which of them is the first
  still: [
    `#version 300 es
    void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }`,
    `#version 300 es
    precision highp float; uniform highp sampler2D scene; uniform vec3 shift, back; out vec4 seen;
    void main() {
      vec2 at = gl_FragCoord.xy * shift.x + shift.yz, room = vec2(textureSize(scene, 0));
      if (any(lessThan(at, vec2(0))) || any(greaterThanEqual(at, room))) seen = vec4(back, 1);
      else if (shift.x == 1.) seen = texelFetch(scene, ivec2(at), 0);
      else seen = texture(scene, at / room);
    }`,
  ],
  // a link: source, target, colour, width
  hair: program(
    `uvec4 l = row(rows, uint(gl_VertexID) / 2u); put(place(row(nodes, gl_VertexID % 2 == 0 ? l.x : l.y))); colour = unpack(l.z);`,
    `void main() { paint(colour, 1.); }`,
  ),
  links: program(
    `uvec4 l = mine(); float half_ = uintBitsToFloat(l.w) * grow.y / 2.; colour = unpack(l.z);
    put(beam(place(row(nodes, l.x)), place(row(nodes, l.y)), half_ + .5)); at.w = half_;`,
    `void main() { paint(colour, cover(abs(at.y), at.w)); }`,
  ),
  // a node: its number, the rest is in nodes
  nodes: program(
    `uvec4 n = row(nodes, mine().x); float r = size(n); vec2 c = corner() * (r + .5); put(place(n) + c); at = vec4(c, r, 0); colour = unpack(n.w);`,
    `void main() { paint(colour, cover(length(at.xy), at.z)); }`,
  ),
  // a stride: source, target, colour and fiftieths of its width, begun
  strides: program(
    `uvec4 s = mine(); float part = since(s.w, 900.), e = part * part * (3. - 2. * part); colour = unpack(s.z); at = vec4(0);
    if (part <= 0. || part >= 1.) { hide(); return; }
    float width = colour.a * 5.1 * grow.x; vec2 a = place(row(nodes, s.x)), b = place(row(nodes, s.y));
    put(beam(mix(a, b, max(0., e - .16)), mix(a, b, e), width + 1.)); at.w = width; colour.a = min(1., min(5. * part, 5. - 5. * part));`,
    `void main() {
      float body = cover(length(vec2(at.x - clamp(at.x, 0., at.z), at.y)), at.w / 2.), head = cover(length(vec2(at.x - at.z, at.y)), at.w + .5);
      paint(colour, max(body, head)); }`,
  ),
  // a ring: node; 0 shrinks, 1 grows, 2 stays; colour; begun
  rings: program(
    `uvec4 f = mine(), n = row(nodes, f.x); float part = f.y == 2u ? 0. : since(f.w, 1100.); colour = unpack(f.z); at = vec4(0);
    if (part < 0. || part >= 1.) { hide(); return; }
    float r = size(n) + grow.x * (f.y == 2u ? 2. : f.y == 1u ? 22. * part : 10. - 10. * part), half_ = grow.x * (f.y == 2u ? 1. : 1.5 - 1.25 * part);
    vec2 c = corner() * (r + half_ + 1.); put(place(n) + c); at = vec4(c, r, half_); colour.a *= pow(1. - part, 1.5);`,
    `void main() { paint(colour, cover(abs(length(at.xy) - at.z), at.w)); }`,
  ),
  // a label: node; where in the picture of all labels; width, the side it stands on (right, left, below, above), and height
  labels: program(
    `uvec4 l = mine(), n = row(nodes, l.x); vec2 far = vec2(l.w & 4095u, l.w >> 16), c = (corner() + 1.) / 2. * far; colour = vec4(1);
    float beside = size(n); vec2 to[4] = vec2[](vec2(beside, -far.y / 2.), vec2(-beside - far.x, -far.y / 2.), vec2(-far.x / 2., beside), vec2(-far.x / 2., -beside - far.y));
    put(floor(place(n) + to[l.w >> 12 & 3u]) + c); at = vec4(c + vec2(l.y, l.z), 0, 0);`,
    `uniform highp sampler2D texts; void main() { seen = texelFetch(texts, ivec2(at.xy), 0); }`,
  ),
};
