"""From the frame of a tick to its events (SPEC §13): plain dictionaries of plain values, as `models` describes them.

No model is built here: that takes ten times as long as writing the line, and there are thousands of strides in a tick. The
tests hold every kind to its model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from worker.physics import decay, entities, fanout, learning, utility
from worker.physics.kernels import count_shadow
from worker.physics.model import Nodes, Strides
from worker.physics.pace import Interval
from worker.physics.reasons import REASONS, selected_reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from worker.graph.moment import Frame
    from worker.graph.rows import Rejected
    from worker.physics.model import Floats, Frontier, Int32s, Ints, UInt16s

Event = dict[str, Any]
TOP = 20  # strides, by phi, that every sample has
BOUNDARY = ("src_entity", "tgt_entity", "beams", "energy", "max_phi", "hunger")


def events(frame: Frame, rejected: Sequence[Rejected]) -> Iterator[Event]:
    """Give all events of a tick in their order. The graph's memory must still be as the tick has left it."""
    yield frame_start(frame)
    yield from stimuli(frame)
    yield from strides(frame)
    yield from flips(frame)
    yield from boundaries(frame)
    yield from weights(frame)
    yield from rejections(frame, rejected)
    yield frame_end(frame)


def state_event(graph: str, frame: int, at: datetime, state: str, detail: str) -> Event:
    """Return the event of a worker that enters a state, after tick number `frame`."""
    head = {"kind": "worker.state.v1", "graph": graph, "frame": frame, "t": rfc3339(at)}
    return {**head, "state": state, "detail": detail}


def lost_event(graph: str, frame: int, at: datetime, lost: dict[str, int]) -> Event:
    """Return the event that tells a subscriber what it was too slow for, so many by kind."""
    return {"kind": "events.lost.v1", "graph": graph, "frame": frame, "t": rfc3339(at), "lost": lost}


def frame_start(frame: Frame) -> Event:
    """Return the event that a tick begins with. Where nothing keeps a pace, `dt` is what it aims at (§11)."""
    interval = frame.interval or Interval(frame.dt, "fixed")
    return {
        **heading("frame.start.v1", frame),
        "dt": frame.dt,
        "interval": interval.seconds,
        "interval_reason": interval.reason,
        "active": frame.moment.frontier.active,
        "shadow": _shadow_before(frame),
    }


def stimuli(frame: Frame) -> Iterator[Event]:
    """Give the stimuli that were applied, in their order; one by budget has an event for each node that it gave to."""
    accepted = frame.moment.stimuli
    sent = [accepted.applied[k] for k in accepted.by]
    return _rows(
        "stimulus.injected.v1",
        frame,
        node=_names(frame.resident.ids, accepted.node),
        delta=accepted.delta.tolist(),
        source=[None if found.source is None else str(found.source) for found in sent],
        id=[found.id for found in sent],
    )


def sample(frame: Frame, share: float) -> Ints:
    """Return which strides stand for all: a share of them, drawn by the tick's number, and the TOP by phi."""
    staged, count = frame.moment.staged, frame.strides
    drawn = np.random.default_rng(frame.frame).random(count) < share
    drawn[np.argpartition(-staged.phi, TOP)[:TOP] if count > TOP else slice(None)] = True
    return np.flatnonzero(drawn)


def strides(frame: Frame, which: Ints | None = None) -> Iterator[Event]:
    """Give the strides, or some of them: sources in ascending id, each one's in ascending cost.

    What takes time is worked out when the first is read, of copies: the graph's memory may have changed by then.
    """
    told, staged = frame.moment.strides, frame.moment.staged
    some = np.arange(frame.strides) if which is None else which
    strides = Strides._make(column[some] for column in told)
    source, target = _at(frame, strides.source), _at(frame, strides.target)
    return _rows(
        "stride.exec.v1",
        frame,
        **_ends(frame, strides),
        delta_e=strides.energy.tolist(),
        e_src_pre=staged.snapshot[source].tolist(),
        e_tgt_pre=staged.snapshot[target].tolist(),
        e_tgt_post=staged.after[target].tolist(),
        phi=staged.phi[some].tolist(),
        z_flow=_z_flow(told.energy, frame.moment.frontier.links.type[told.link], some),
        z_phi=staged.z_phi[some].tolist(),
        score=(-strides.cost).tolist(),
        share=strides.share.tolist(),
        selected_reason=_reasons(frame, some),
        strategy=_names(fanout.STRATEGIES, strides.strategy),
    )


def flips(frame: Frame) -> Iterator[Event]:
    """Give the nodes that became active, those that strides took under their threshold, and those that faded."""
    staged, found, nodes, clock = frame.moment.staged, frame.flips, frame.resident.nodes, frame.moment.frontier.clock
    flipped = np.concatenate(found)
    if not len(flipped):
        return iter(())
    committed = _at(frame, flipped[: len(found.on) + len(found.off)])
    alone = staged.snapshot[committed[: len(found.on)]] >= nodes.threshold[found.on]
    return _rows(
        "node.flip.v1",
        frame,
        node=_names(frame.resident.ids, flipped),
        direction=["on"] * len(found.on) + ["off"] * (len(found.off) + len(found.faded)),
        e_pre=[*staged.before[committed].tolist(), *decay.stored(nodes, found.faded, clock).tolist()],
        e_post=[*staged.after[committed].tolist(), *decay.stored(nodes, found.faded, frame.resident.clock).tolist()],
        threshold=nodes.threshold[flipped].tolist(),
        cause=_names(("stride", "stimulus"), alone) + ["stride"] * len(found.off) + ["decay"] * len(found.faded),
    )


def boundaries(frame: Frame) -> Iterator[Event]:
    """Give what strides have carried from one main entity to another, by the entities' ids."""
    resident, strides, staged = frame.resident, frame.moment.strides, frame.moment.staged
    if not resident.entities:
        return
    hungry = entities.hunger(staged.snapshot[_at(frame, strides.target)], resident["threshold"][strides.target])
    found = entities.boundaries(strides, resident["entity"], staged.phi, hungry)
    named = [(resident.entities[one.source], resident.entities[one.target], *one[2:]) for one in found]
    head = heading("entity.boundary.v1", frame)
    for row in sorted(named):
        yield {**head, **dict(zip(BOUNDARY, row, strict=True))}


def weights(frame: Frame, which: Ints | None = None) -> Iterator[Event]:
    """Give the links that have learned, or those along some of the strides, in the order of these."""
    staged, resident = frame.moment.staged, frame.resident
    which = np.flatnonzero(staged.learned) if which is None else which[staged.learned[which] != 0.0]
    strides = Strides._make(column[which] for column in frame.moment.strides)
    return _rows(
        "weights.updated.v1",
        frame,
        link=[str(key) for key in resident.link("key")[strides.link].tolist()],
        **_ends(frame, strides),
        tier=_names(learning.TIERS, staged.tier[which]),
        before=staged.log_weight[which].tolist(),
        after=resident.link("log_weight")[strides.link].tolist(),
    )


def rejections(frame: Frame, rejected: Sequence[Rejected]) -> Iterator[Event]:
    """Give what was rejected."""
    head = heading("input.rejected.v1", frame)
    return ({**head, **found._asdict()} for found in rejected)


def frame_end(frame: Frame) -> Event:
    """Return the figures that a tick ends with."""
    return {
        **heading("frame.end.v1", frame),
        "energy_in": frame.energy_in,
        "energy_transferred": frame.energy_transferred,
        "energy_decay": {"total": frame.energy_faded, "by_type": frame.energy_decay},
        "energy_lost": frame.energy_lost,
        "energy_total": frame.energy_total,
        "conservation_error": {"absolute": frame.conservation_error, "percent": frame.conservation_percent},
        "frontier_active": frame.frontier_active,
        "frontier_shadow": frame.frontier_shadow,
        "mean_degree_active": frame.mean_degree_active,
        "diffusion_radius": frame.diffusion_radius,
        "branching": frame.branching,
        "growth": frame.growth,
        "spectral": frame.spectral,
        "decay_multiplier": frame.decay_multiplier,
        "strides": frame.strides,
        "flips_on": frame.flips_on,
        "flips_off": frame.flips_off,
        "quarantined": frame.quarantined,
        "timings_ms": frame.timings_ms,
    }


def rfc3339(at: datetime) -> str:
    """Return a time as RFC 3339 writes it, always to the microsecond."""
    return at.isoformat(timespec="microseconds")


def heading(kind: str, frame: Frame) -> Event:
    """Return what each event of a tick begins with."""
    return {"kind": kind, "graph": frame.graph, "frame": frame.frame, "t": rfc3339(frame.at)}


def _rows(kind: str, frame: Frame, **columns: Sequence[Any] | Callable[[], Sequence[Any]]) -> Iterator[Event]:
    """Give an event a row of the columns; those that are given as functions are worked out when the first is read."""
    head, names = heading(kind, frame), tuple(columns)
    for row in zip(*(column() if callable(column) else column for column in columns.values()), strict=True):
        event = head.copy()
        event.update(zip(names, row, strict=True))
        yield event


def _names(names: Sequence[str], codes: np.ndarray) -> list[str]:
    return [names[code] for code in codes.tolist()]


def _ends(frame: Frame, strides: Strides) -> dict[str, list[str]]:
    """Return source, target and link type of each stride, by name."""
    resident = frame.resident
    return {
        "src": _names(resident.ids, strides.source),
        "tgt": _names(resident.ids, strides.target),
        "link_type": _names(resident.link_types, resident.link("type")[strides.link]),
    }


def _at(frame: Frame, nodes: Int32s) -> Ints:
    """Return where touched nodes stand in the staged arrays."""
    return np.searchsorted(frame.moment.staged.touched, nodes)


def _shadow_before(frame: Frame) -> int:
    """Return how many nodes that the sources' links point to were not active as the tick began, stimuli added."""
    resident, frontier, staged = frame.resident, frame.moment.frontier, frame.moment.staged
    active = resident["active"].copy()
    active[frame.flips.faded] = True
    active[staged.touched] = staged.snapshot >= resident["threshold"][staged.touched]
    start, degree, target = resident["start"], resident["degree"], resident.link("target")
    return int(count_shadow(frontier.sources[~frontier.retried], start, degree, target, active, np.zeros_like(active)))


def _z_flow(energy: Floats, kinds: UInt16s, some: Ints) -> Callable[[], list[float]]:
    """Return what works out how some strides rank among all by what they moved."""

    def work() -> list[float]:
        scores: list[float] = utility.z_flow(energy, kinds)[some].tolist()
        return scores

    return work


def _reasons(frame: Frame, some: Ints) -> Callable[[], list[str]]:
    """Return what works out why these strides were chosen, from a copy of what that depends on."""
    every = frame.moment.strides
    mine = np.flatnonzero(np.isin(every.source, every.source[some]))  # another stride of the same source has a say
    frontier, strides = as_read(frame, mine)
    terms, parameters = frame.moment.terms, frame.resident.parameters
    at = np.searchsorted(mine, some)
    return lambda: _names(REASONS, selected_reasons(frontier, strides, terms, parameters)[at])


def as_read(frame: Frame, which: Ints) -> tuple[Frontier, Strides]:
    """Return the sources of some strides with their links, and where these end, as the tick had read them; and the strides.

    The commit has changed log-weights and visits in place. Only what the sources link to is copied, link by link. `which`
    has all strides of its sources.
    """
    whole, staged = frame.moment.frontier, frame.moment.staged
    strides = Strides._make(column[which] for column in frame.moment.strides)
    mine = np.isin(whole.sources, strides.source)
    own = {name: getattr(whole, name)[mine] for name in ("sources", "start", "degree", "retried", "name")}
    frontier = whole._replace(**own)
    first = np.cumsum(frontier.degree, dtype=np.int64) - frontier.degree
    moved = frontier.start - first  # of each source, from the copy to where its links stand
    link = np.arange(frontier.degree.sum()) + np.repeat(moved, frontier.degree)
    target = frontier.links.target[link]
    order = np.argsort(frontier.sources)
    source = order[np.searchsorted(frontier.sources, strides.source, sorter=order)]
    strides = strides._replace(link=strides.link - moved[source])

    ended = np.zeros(len(frontier.nodes.visits), dtype=np.int64)
    ended[staged.touched] = staged.visits
    nodes = Nodes._make(column[target] for column in frontier.nodes)
    links = frontier.links.some(link)
    links.log_weight[strides.link] = staged.log_weight[which]
    return frontier._replace(
        start=first,
        nodes=nodes._replace(visits=nodes.visits - ended[target]),
        links=links._replace(target=np.arange(len(link), dtype=np.int32)),
    ), strides
