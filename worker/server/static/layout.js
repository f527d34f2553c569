// A worker: where the nodes stand. Forces are d3-force's; what stays keeps its place, what is new begins beside a neighbour.
importScripts("/page/d3-dispatch.min.js", "/page/d3-timer.min.js", "/page/d3-quadtree.min.js", "/page/d3-force.min.js");

const links = d3.forceLink().distance(38).iterations(1);
const charge = d3.forceManyBody().theta(1.1).distanceMax(600);
const simulation = d3.forceSimulation([]).force("link", links).force("charge", charge)
  .force("x", d3.forceX()).force("y", d3.forceY()).stop();
const MIDDLE = 0.055; // how strongly nodes are drawn to the middle; less along the longer side of the map
let nodes = new Map(), order = [], timer = 0, version = 0;

onmessage = ({ data }) => {
  const before = nodes;
  nodes = new Map();
  order = data.ids.map((id, index) => {
    const node = before.get(id) || { id };
    node.index = index;
    nodes.set(id, node);
    return node;
  });
  const pairs = [], first = before.size === 0;
  for (let k = 0; k < data.pairs.length; k += 2) pairs.push([data.pairs[k], data.pairs[k + 1]]);
  for (const [source, target] of pairs) {
    for (const [one, other] of [[order[source], order[target]], [order[target], order[source]]]) {
      if (one.x === undefined && other.x !== undefined) {
        one.x = other.x + 20 * (Math.random() - 0.5);
        one.y = other.y + 20 * (Math.random() - 0.5);
      }
    }
  }
  version = data.version;
  simulation.nodes(order);
  for (const [axis, share] of [["x", data.wide ** -0.5], ["y", data.wide ** 0.5]]) simulation.force(axis).strength(MIDDLE * share);
  charge.strength(order.length > 1500 ? -24 : -70);
  links.links(pairs.map(([source, target]) => ({ source, target })));
  simulation.alphaDecay(order.length > 1500 ? 0.035 : 0.02).alpha(first ? 1 : Math.max(simulation.alpha(), 0.18));
  const until = performance.now() + (first ? 350 : 0); // the first drawing is of something that has unfolded
  while (performance.now() < until && simulation.alpha() > 0.05) simulation.tick();
  clearTimeout(timer);
  step();
};

function step() {
  const begun = performance.now();
  simulation.tick();
  const places = new Float32Array(2 * order.length);
  order.forEach(({ x, y }, index) => {
    places[2 * index] = x;
    places[2 * index + 1] = y;
  });
  postMessage({ version, places }, [places.buffer]);
  const took = performance.now() - begun;
  if (simulation.alpha() > simulation.alphaMin()) timer = setTimeout(step, Math.max(order.length > 1500 ? 160 : 33, 2 * took));
}
