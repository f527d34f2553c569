"""Small graphs whose physics can be worked out by hand, and what a tick has done to them, by the nodes' own ids."""

from __future__ import annotations

from tests.property.worlds import World, build, steps
from worker.events.build import events

PLAIN = {"guards": {"min_strides": 0}, "learning": {"gate": "off"}}  # nothing below Θ strides, no weight changes


def star(targets, *, energy=2.0, ticks=1, dt=1.0, weight=0.0, **settings):
    """A hub, and a link to each of `targets`: {id: properties of the node}."""
    nodes = {"hub": {"energy": energy}} | targets
    links = [("hub", name, "R", {"log_weight": weight}) for name in targets]
    return World(nodes, links, [(dt, [])] * ticks, {**PLAIN, **settings})


def leaves(count, **properties):
    return {f"t{k:03}": dict(properties) for k in range(count)}


def chain(length, *, ticks, energy=2.0, threshold=1e-60, dt=1.0, **settings):
    """c000 → c001 → …, all the energy at its head, and thresholds so low that whatever has any of it is active."""
    nodes = {f"c{k:03}": {"threshold": threshold} for k in range(length)}
    nodes["c000"]["energy"] = energy
    links = [(f"c{k:03}", f"c{k + 1:03}", "R", {"log_weight": 0.0}) for k in range(length - 1)]
    return World(nodes, links, [(dt, [])] * ticks, {**PLAIN, **settings})


def energies(graph, parameters):
    """Return E of each node in the graph, decayed to its ledger's clock (§9), by plain Python."""
    clock = graph.kept.decay_clock if graph.kept else 0.0
    return {
        node["id"]: node.get("energy", 0.0)
        * 2.0
        ** (
            -(clock - node.get("energy_at", 0.0))
            / (node.get("retention", 1.0) * parameters.half_life(node.get("type", "*")))
        )
        for node in graph.node.values()
    }


def frames(world, graph=None, **how):
    return [frame for _, frame in steps(world, graph or build(world), **how)]


def told(world):
    """Return the events of each tick, by kind."""
    found = []
    for _, frame in steps(world, build(world)):
        kinds = {}
        for event in events(frame, []):
            kinds.setdefault(event["kind"].split(".v")[0], []).append(event)
        found.append(kinds)
    return found


def moved(frame):
    """Return ΔE of each stride of a tick by (source id, target id, link)."""
    ids, strides = frame.resident.ids, frame.moment.strides
    return {
        (ids[source], ids[target], link): energy
        for source, target, link, energy in zip(
            strides.source.tolist(),
            strides.target.tolist(),
            strides.link.tolist(),
            strides.energy.tolist(),
            strict=True,
        )
    }


def ends(frame):
    return [key[:2] for key in moved(frame)]
