"""Attaching: from a lease on a graph to everything that a tick stands on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from worker.errors import Refused
from worker.graph.held import Held, by_kind, finish
from worker.graph.port import COMMITTED, RESTORING
from worker.graph.resident import Resident
from worker.graph.rows import LATEST, Rejected, energies
from worker.graph.settle import forget, give_back_half_lives, renew_half_lives, settle
from worker.physics import decay, weights
from worker.physics.books import TOLERANCE
from worker.physics.sums import summed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.graph.port import Graph, Ledger, NodeRows
    from worker.physics.model import Int32s, WeightStats
    from worker.physics.parameters import Parameters
    from worker.settings import Settings


def attach(graph: Graph, settings: Settings, holder: str) -> Held | None:
    """Take the graph, finish what another has left half-done, and count what is there; None while another holds it.

    Raises Fenced, Refused, Unreachable, SchemaError.
    """
    ledger = graph.take(holder, settings.lease.ttl)
    if ledger is None:
        return None
    if ledger.phase == RESTORING:
        graph.release(ledger.fence)
        why = f"the graph {graph.name!r} is restored in part: `stridegraph restore` has broken off"
        raise Refused(why, "restore it again under that name: what is there is deleted first")
    with graph.keeping(ledger.fence, settings.lease.ttl):
        return _attached(graph, settings, ledger)


def _attached(graph: Graph, settings: Settings, ledger: Ledger) -> Held:
    parameters = settings.physics
    if ledger.phase == COMMITTED:
        ledger, _ = ledger.closed()
        graph.decay(ledger, settings.lease.ttl)()
    if noted := graph.visits():
        graph.count_visits(ledger, noted)
    census, opening = graph.census(), ledger.opening
    if opening:
        ledger = replace(ledger, decay_clock=latest(census, parameters))
    resident = Resident(parameters, ledger.decay_clock)
    held = Held(graph, settings, ledger, {}, resident, parameters.fanout.frontier_cap)
    resident.add(census)
    everyone = np.arange(len(resident.ids), dtype=np.int32)
    outdated = give_back_half_lives(held)
    resident.look(everyone, ledger.decay_clock)
    held.ledger = held.booked_as(ledger.books.found(counted(held, everyone), opening=opening))
    held.booked = held.kept = len(everyone)
    renew_half_lives(held, outdated)
    held.stats = dict(graph.statistics())
    forget(held)
    held.stats = _recounted(held, held.stats)
    graph.adopt(held.ledger, held.stats)
    settle(held)
    return held


def detach(held: Held) -> None:
    """Give the lease back, so that whoever comes next need not wait for it to run out."""
    finish(held)
    held.graph.release(held.ledger.fence)


def recount(held: Held) -> None:
    """Count the statistics of all links anew; what has drifted from what was kept is replaced (SPEC §3)."""
    finish(held)
    held.reads_all()
    with held.graph.keeping(held.ledger.fence, held.ttl):
        held.stats = _recounted(held, held.stats)
    held.graph.adopt(held.ledger, held.stats)


def latest(census: NodeRows, parameters: Parameters) -> float:
    """Return the latest reading that an energy is given for: where a clock begins, in a graph that had another before."""
    _, at, sound = energies(census, parameters, LATEST)
    return float(at[sound].max(initial=0.0))


def counted(held: Held, everyone: Int32s) -> dict[str, float]:
    """Return the energy of these nodes, as it is now, by kind."""
    energy = decay.stored(held.resident.nodes, everyone, held.ledger.decay_clock)
    nothing = np.zeros(len(everyone))
    return {kind: summed(terms) for kind, terms in by_kind(held.resident, everyone, nothing, energy).items()}


def _recounted(held: Held, kept: Mapping[str, WeightStats]) -> dict[str, WeightStats]:
    stats = {}
    for kind, counted in held.graph.weights().items():
        apart = weights.drift(kept[kind], counted) if kind in kept else math.inf
        stats[kind] = counted if apart > TOLERANCE else kept[kind]
        if kind in kept and apart > TOLERANCE:
            held.resident.rejected.append(
                Rejected("statistics", kind, f"kept {kept[kind]}, counted {counted}: the count is used")
            )
    return stats
