"""Where a node's energy came from, as it is asked for: of a recording, of a snapshot, or of the worker that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from worker import remote
from worker.archive import recorded, replay
from worker.archive.load import memory
from worker.archive.plan import DT
from worker.errors import InputError, nearest
from worker.events.trail import Trail
from worker.explain import Course, explanation
from worker.physics.decay import stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.graph.held import Held
    from worker.settings import Settings

    Begin = Callable[[int], Callable[[], object]]  # told how many ticks there are, returns what is told of each

DEPTH, LEAST = 4, 0.01
DEEPEST = 50  # links back
NEEDED = "name the last one: --tick, or tick=… in a program"


class Question(NamedTuple):
    """What is asked of a node's energy."""

    node: str
    tick: int | None = None  # after which; by default the last there is
    depth: int = DEPTH  # links back
    least: float = LEAST  # share of the energy under which a way is not told by itself


def served(settings: Settings, asked: Question, url: str | None = None) -> dict[str, Any]:
    """Ask the worker that serves the graph, which holds its last ticks. Raises InputError, Refused, Unreachable."""
    return remote.get(settings, "/api/explain", asked._asdict(), url)


def replayed(
    asked: Question,
    recording: Path | None = None,
    snapshot: Path | None = None,
    begin: Begin = lambda _: bool,
) -> dict[str, Any]:
    """Run ticks again in memory: those of a recording, from where a worker attached or from a snapshot on.

    Without a recording they are those that `replay` runs on the snapshot, with what waited in its queue: not what a worker
    did to the graph since. `begin` hears how many there are, and returns what hears of each. Raises InputError, Diverged,
    NotReplayable.
    """
    if not (1 <= asked.depth <= DEEPEST and 0.0 <= asked.least <= 1.0):
        why = f"depth {asked.depth} and least {asked.least} are not how far, and how far down, a tree can be told"
        raise InputError(why, f"give a depth from 1 to {DEEPEST}, and a share from 0 to 1")
    trail = Trail(eager=True)
    held = _ran(recording, snapshot, asked.tick, trail, begin)
    resident, node = held.resident, asked.node
    if node not in resident.ids:
        raise InputError(f"no tick in {recording or snapshot} has read a node {node!r}", nearest(node, resident.ids))
    which = np.array([resident.ids.index(node)], dtype=np.int32)
    energy = float(stored(resident.nodes, which, held.ledger.decay_clock)[0])
    return explanation(Course(trail.accounts()), node, energy, asked.depth, asked.least)


def _ran(recording: Path | None, snapshot: Path | None, tick: int | None, trail: Trail, begin: Begin) -> Held:
    """Run the ticks again; those of a recording are held to what was recorded."""
    if snapshot is None:
        return _alone(recording, tick, trail, begin)
    there, tables = replay.opened(snapshot)
    settings, changed = replay.settings_for(there)
    first = there.manifest["tick"] + 1
    if recording is None:
        if tick is None or tick < first:
            raise InputError(f"{snapshot} is of tick {first - 1}: which tick after it is meant is not said", NEEDED)
        count = tick + 1 - first
        return replay.replay(memory(tables), settings, replay.Plan(count, DT, {}), trail, begin(count)).held
    _unchanged(changed)
    plan = recorded.recording(recording, tables, tick if tick and tick >= first else None)
    if tick not in {None, plan.last}:
        why = f"tick {tick} is not in {recording} after {snapshot}: they have ticks {plan.first} to {plan.last}"
        raise InputError(why, "name one of these")
    return recorded.replay(tables, settings, plan, trail, begin(len(plan.parts)))[1].held


def _alone(recording: Path | None, tick: int | None, trail: Trail, begin: Begin) -> Held:
    """Run the ticks of a recording again, from where a worker attached."""
    if recording is None:
        raise InputError("neither a recording nor a snapshot is named", "name one of them")
    graph, kept, plan = recorded.alone(recording, tick)
    settings, changed = replay.settings_over(kept)
    _unchanged(changed)
    return recorded.replay_alone(graph, settings, plan, trail, begin(len(plan.parts))).held


def _unchanged(changed: dict[str, tuple[Any, Any]]) -> None:
    if changed:
        why = f"{', '.join(changed)}: it is set here, and a recording is replayed by the settings it was made with"
        raise InputError(why, "unset it")
