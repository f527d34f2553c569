"""One tick, from top to bottom: the page to read first.

    intake → load → select → stage → commit → decay → emit

Each line of `tick` is a step of SPEC §2. What it computes stands in `worker/physics`, what it reads and writes in
`worker/graph` and `cypher`, in a place of the same name.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from worker.errors import ForeignChange
from worker.faults import fault_point
from worker.graph import change
from worker.graph.held import book_arrivals, finish, make_room, read_anew, reconcile
from worker.graph.hubs import sufficient
from worker.graph.moment import Flips, Frame, Moment, Stopwatch, figures
from worker.graph.settle import forget, settle
from worker.graph.stimuli import accept
from worker.physics import decay as fading
from worker.physics.diffusion import everywhere, select, transfer
from worker.physics.model import Frontier
from worker.physics.shadow import nearest
from worker.physics.stage import stage
from worker.physics.valence import lasted, terms
from worker.physics.weights import standard

if TYPE_CHECKING:
    from worker.graph.held import Held
    from worker.graph.stimuli import Accepted
    from worker.physics.model import Int32s, Strides
    from worker.physics.valence import Terms

SCHEDULE = ("intake", "load", "select", "stage", "commit", "decay", "emit")
ATTEMPTS = 20  # at one tick, where others keep writing to what it has read


def tick(held: Held, dt: float) -> Frame:
    """Move the graph's energy by one tick of `dt` seconds, exactly once, and return what happened.

    Raises ForeignChange where others write faster than it can read, and whatever the database raises: then the tick is
    in the database or it is not, and the ledger knows which.
    """
    parameters, ledger = held.parameters, held.ledger
    mood = lasted(ledger.lasted, ledger.affect, parameters.valence)
    numbers = terms(parameters, dt, mood)
    for attempt in range(ATTEMPTS):
        watch = Stopwatch(SCHEDULE)
        with watch("intake"):
            stimuli = intake(held)
        with watch("load"):
            frontier = load(held, stimuli)
        with watch("select"):
            chosen = select(frontier, numbers, parameters)
        with watch("stage"):
            fault_point("select.done")
            strides = transfer(frontier, chosen, numbers, parameters)
            if len(strides.energy) < parameters.guards.min_strides:
                frontier, strides = retry(held, frontier, numbers)
            staged = stage(frontier, strides, stimuli.nodes, parameters)
            moment = Moment(held.ledger.books, stimuli, frontier, strides, staged, numbers, mood, attempt)
        try:
            with watch("commit"):
                commit(held, moment, dt)
        except ForeignChange:
            reconcile(held, np.union1d(staged.touched, frontier.sources))
            continue
        with watch("decay"):
            decayed = decay(held)
        with watch("emit"):
            return emit(held, moment, decayed, watch)
    raise ForeignChange(
        f"tick {held.ledger.tick + 1} was staged {ATTEMPTS} times, and each time others had written to what it read"
    )


def intake(held: Held) -> Accepted:
    """Read pending stimuli and add those that are good to the energies that this tick reads (§2, step 1)."""
    make_room(held)
    resident = held.resident
    pending = held.graph.intake(held.settings.stimulus.batch)
    unread = set().union(*(stimulus.reached for stimulus in pending)) - resident.index.keys()
    if unread:
        resident.add(held.graph.nodes(sorted(unread)))
    stimuli = accept(pending, resident, held.ledger.decay_clock)
    resident.stimulate(stimuli.node, stimuli.delta)
    return stimuli


def load(held: Held, stimuli: Accepted) -> Frontier:
    """Take this tick's sources in ascending id, the active nodes as far as the cap allows, and read what is not yet held."""
    resident, clock = held.resident, held.ledger.decay_clock
    read_anew(held)
    nodes = stimuli.nodes
    lifted = nodes[
        fading.stored(resident.nodes, nodes, clock) + resident["stimulus"][nodes] >= resident["threshold"][nodes]
    ]
    active = resident.in_order(np.union1d(resident.active, lifted)) if len(lifted) else resident.active
    sources = _energetic(held, nodes) if everywhere(held.parameters) else _in_turn(held, active)
    frontier = _frontier(held, sources, len(active))
    fault_point("load.read")
    return frontier


def retry(held: Held, frontier: Frontier, numbers: Terms) -> tuple[Frontier, Strides]:
    """Let the nodes that come nearest to their threshold stride too, since hardly any active one does (§6)."""
    resident, parameters = held.resident, held.parameters
    near = nearest(frontier, resident["valid"], parameters.guards.shadow_budget, resident.in_order)
    sources = resident.in_order(np.concatenate((frontier.sources, near)))
    frontier = _frontier(held, sources, frontier.active)._replace(retried=np.isin(sources, near))
    return frontier, transfer(frontier, select(frontier, numbers, parameters), numbers, parameters)


def commit(held: Held, moment: Moment, dt: float) -> None:
    """Write all changes in one transaction, and then take them into memory (§2, step 6)."""
    fault_point("stage.done")
    changes = change.changes(held, moment, dt)
    finish(held)
    held.graph.commit(changes)
    change.take_in(held, changes, moment)


def decay(held: Held) -> dict[str, float]:
    """Move the decay clock, now that the commit is known to stand; return what has decayed by kind of node (§9).

    The clock's transaction ends beside whatever comes next: only the next write to the graph waits for it.
    """
    ledger, decayed = held.ledger.closed()
    held.closing = held.graph.decay(ledger, held.ttl)
    held.ledger, held.resident.clock = ledger, ledger.decay_clock
    for kind, taken in settle(held).items():
        decayed[kind] += taken
    forget(held)
    return decayed


def emit(held: Held, moment: Moment, decayed: dict[str, float], watch: Stopwatch) -> Frame:
    """Update the active set from what has changed (§2, step 9), and put the tick's figures together (§13)."""
    fault_point("emit.begun")
    resident, staged = held.resident, moment.staged
    on, off = resident.look(staged.touched, moment.frontier.clock)
    _, faded = resident.look(resident.active, held.ledger.decay_clock)
    resident.reach(moment.strides.source, moment.strides.target)
    return figures(held, moment, Flips(on, off, faded), decayed, watch)


def _energetic(held: Held, stimulated: Int32s) -> Int32s:
    """Return all nodes that have energy: the sources of a step over the whole graph, which no cap divides."""
    held.turn = ""
    return held.resident.in_order(np.union1d(held.resident.energetic(), stimulated))


def _frontier(held: Held, sources: Int32s, active: int) -> Frontier:
    """Return what a tick reads for these sources, once all of it is held."""
    held.resident.read_links(held.graph, sources)
    frontier = sufficient(held, lambda: _view(held, sources, active))
    book_arrivals(held)
    return frontier


def _view(held: Held, sources: Int32s, active: int) -> Frontier:
    """Return what is held of these sources and their links."""
    resident = held.resident
    return Frontier(
        sources=sources,
        start=resident["start"][sources],
        degree=resident["degree"][sources],
        retried=np.zeros(len(sources), dtype=np.bool_),
        active=active,
        clock=held.ledger.decay_clock,
        tick=held.ledger.tick + 1,
        name=resident["name"][sources],
        nodes=resident.nodes,
        links=resident.links,
        standard=standard(resident.link_types, held.stats, held.parameters.weights),
    )


def _in_turn(held: Held, active: Int32s) -> Int32s:
    """Return the sources of this tick: all that are active, or after the one served last as many as the cap allows."""
    cap = held.frontier_cap
    if len(active) <= cap:
        held.turn = ""
        return active
    ids = held.resident.ids
    first = bisect_right(active, held.ledger.turn, key=ids.__getitem__)
    served = np.take(active, range(first, first + cap), mode="wrap")
    held.turn = ids[served[-1]]
    return held.resident.in_order(served)
