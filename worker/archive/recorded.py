"""A recording replayed on a snapshot: the same attachings and ticks, by a worker's code, held to what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from worker.archive import segments
from worker.archive.digest import LINKS, NODES, State, digest
from worker.archive.feeding import Cut, FeedingGraph, difference
from worker.archive.listening import STIMULUS
from worker.archive.load import filled, ledger
from worker.archive.recorder import Texts, captured, stride_rows
from worker.archive.replay import SOURCE, Replayed, figures_of
from worker.archive.segments import ATTACH, STRIDE, TICK, Episode
from worker.archive.snapshot import state_of
from worker.errors import Diverged, ForeignChange, InputError, NotReplayable
from worker.graph.attach import attach, detach, recount
from worker.graph.export import MemoryExport
from worker.graph.ledger import unpack
from worker.graph.port import COMMITTED, Ledger
from worker.loop import LEAST_CAP
from worker.tick import tick
from worker.trial import Input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from worker.archive.load import Tables
    from worker.archive.segments import Segment
    from worker.events import Sink
    from worker.graph.held import Held
    from worker.graph.moment import Frame
    from worker.settings import Settings

    Rows = dict[tuple[Any, ...], list[dict[str, Any]]]

_OTHER = "name the snapshot that the recorded worker went on from"


class Part(NamedTuple):
    """An episode that stands in the database, and what is known of it."""

    episode: Episode
    strides: pa.StructArray | None
    dt: float
    cut: bool  # the worker ended before the tick was closed
    halved: bool  # the database had lacked memory: how many sources its ticks then had is not told
    settings: dict[str, Any]  # that the worker had
    left: dict[str, Any] | None  # the ledger that whoever attached right after it has found


class Recording(NamedTuple):
    """What is replayed: attachings and ticks, in their order."""

    parts: list[Part]
    first: int  # number of the first tick
    last: int


def recording(folder: Path, tables: Tables, until: int | None = None) -> Recording:
    """Return what a recording has of the ticks after a snapshot, once all of it has been looked at; `until`: the last of them.

    Raises InputError where it is damaged, has a gap, or does not go on from the snapshot.
    """
    found = segments.opened(folder)
    manifest = tables.snapshot.manifest
    for segment in found:
        if segment.manifest["graph"] != manifest["graph"]:
            why = f"it is of the graph {segment.manifest['graph']!r}, and the snapshot of {manifest['graph']!r}"
            raise InputError(f"{segment.path}: {why}", _OTHER)
    begin, digest_then = manifest["tick"], (ledger(tables) or Ledger()).digest
    parts = list(_standing(found))
    _check_settings(found, manifest["settings"], begin)
    ticks = [part.episode.tick for part in parts if part.episode.kind == TICK]
    if not ticks or begin + 1 not in ticks:
        has = f"ticks {ticks[0]} to {ticks[-1]}" if ticks else "no tick"
        raise InputError(f"{folder}: it has {has}, and the snapshot is of tick {begin}", _OTHER)
    first = next(i for i, part in enumerate(parts) if part.episode.kind == TICK and part.episode.tick == begin + 1)
    while first and parts[first - 1].episode.kind == ATTACH and parts[first - 1].episode.tick == begin:
        first -= 1
    then = _digest_before(parts, first, found)
    if then != digest_then:
        why = f"at tick {begin} the digest of all strides was {then[:12] or 'empty'}…, and the snapshot has {digest_then[:12]}…"
        raise InputError(f"{folder}: {why}", _OTHER)
    last = min(until or ticks[-1], ticks[-1])
    mine = [part for part in parts[first:] if part.episode.tick <= last]
    _check_gaps(folder, mine, begin)
    return Recording(mine, begin + 1, last)


def alone(folder: Path, until: int | None = None) -> tuple[str, dict[str, Any], Recording]:
    """Return a recording's graph and settings, and what workers have done by these without a gap, up to the tick `until`.

    It begins where a worker attached: so all that is needed of the graph is in it. Raises InputError.
    """
    found = segments.opened(folder)
    parts = list(_standing(found))
    ticks = [part.episode.tick for part in parts if part.episode.kind == TICK]
    if not ticks:
        raise InputError(f"{folder}: it has no tick", "record some: stridegraph run --record")
    last = ticks[-1] if until is None else until
    if last not in ticks:
        raise InputError(f"tick {last} is not in {folder}: it has ticks {ticks[0]} to {ticks[-1]}", "name one of these")
    end = next(
        i for i in range(len(parts) - 1, -1, -1) if (parts[i].episode.kind, parts[i].episode.tick) == (TICK, last)
    )
    first, expected = -1, last
    for i in range(end, -1, -1):
        part = parts[i]
        if part.episode.tick != expected or part.settings != parts[end].settings:
            break
        expected -= part.episode.kind == TICK
        first = i if part.episode.kind == ATTACH else first
    if first < 0:
        raise InputError(
            f"{folder}: that a worker attached before tick {last} is not recorded", "name a --snapshot, too"
        )
    begin = parts[first].episode.tick + 1
    return found[0].manifest["graph"], parts[end].settings, Recording(parts[first : end + 1], begin, last)


def replay_alone(
    graph: str, settings: Settings, plan: Recording, sink: Sink | None = None, done: Callable[[], object] = bool
) -> Replayed:
    """Replay a recording without a snapshot. Raises Diverged, NotReplayable."""
    empty = FeedingGraph(graph, alone=True)
    empty.kept = unpack(plan.parts[0].episode.steps[0][1])
    return _replayed(empty, settings, plan, sink, done)


def replay(
    tables: Tables, settings: Settings, plan: Recording, sink: Sink | None = None, done: Callable[[], object] = bool
) -> tuple[FeedingGraph, Replayed]:
    """Replay a recording on a snapshot; `done` hears of every tick.

    Raises Diverged where something is not as recorded, NotReplayable where it cannot be, InputError where the snapshot is not
    what the worker had found.
    """
    graph = filled(FeedingGraph(tables.snapshot.manifest["graph"]), tables)
    return graph, _replayed(graph, settings, plan, sink, done)


def _replayed(
    graph: FeedingGraph, settings: Settings, plan: Recording, sink: Sink | None, done: Callable[[], object]
) -> Replayed:
    held: Held | None = None
    frames: list[dict[str, Any]] = []
    texts = Texts()
    for part in plan.parts:
        if part.episode.kind == ATTACH:
            held = _attach(graph, settings, part)
        else:
            held = held or _attached_between(graph, settings)
            frame = _tick(graph, held, part)
            if frame is None:
                held = None
            else:
                _check(graph, frame, part, texts)
                frames.append(figures_of(frame, held))
                if sink:
                    sink.frame(frame)
                if frame.frame % settings.weights.recompute_ticks == 0:
                    recount(held)
            done()
        if held:
            held.resident.rejected.clear()
    graph.feed(())
    if held is None:
        held = cast("Held", attach(graph, settings, SOURCE))
    detach(held)
    return Replayed(frames, held, digest(state_of(MemoryExport(graph))))


def inputs(plan: Recording) -> list[Input]:
    """Return what each recorded tick was given: its length and the stimuli that it took. Others' writes are not among it."""
    given = []
    for part in plan.parts:
        if part.episode.kind == TICK:
            taken = [step[1] for step in part.episode.steps if step[0] == "intake"]
            given.append(Input(part.dt, _stimuli(taken[-1]) if taken and taken[-1] else ()))
    return given


def _stimuli(found: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Return recorded stimuli as entries of a queue, without those whose id had been applied before."""
    rows = ({name: found[name][i] for name in STIMULUS} for i in range(len(found["id"])))
    return [{name: value for name, value in row.items() if name != "known"} for row in rows if not row["known"]]


def compare(graph: FeedingGraph, tables: Tables) -> int:
    """Hold what a replay has come to against another snapshot. Raises Diverged, which names what differs first.

    Returns how many nodes without energy, and links, only one of the two has: no worker adds or deletes one, so it was others,
    and no tick has read it.
    """
    ours = state_of(MemoryExport(graph))
    snapshot = tables.snapshot
    if digest(ours) == snapshot.manifest["digest"]:
        return 0
    at = f"tick {snapshot.manifest['tick']}"
    theirs = State(*(snapshot.table(kind) for kind in State._fields))
    only = 0
    for kind, columns, key in (
        ("nodes", NODES, ("id",)),
        ("links", LINKS, ("source", "target", "type")),
        ("statistics", dict.fromkeys(ours.statistics.column_names), ("type",)),
    ):
        only += _compare(at, kind, *(_keyed(getattr(state, kind), columns, key) for state in (theirs, ours)))
    recorded, replayed = (state.ledger.to_pylist() or [{}] for state in (theirs, ours))
    if apart := difference(recorded[0], replayed[0]):
        raise Diverged(f"{at}: {apart}", _REPORT)
    return only


_REPORT = (
    "where the program's version is the same, this is a bug: please report it with both snapshots and the recording"
)


def _attach(graph: FeedingGraph, settings: Settings, part: Part) -> Held | None:
    """Attach as the worker did; None where it had ended in the midst of that."""
    opening = graph.kept is None or graph.kept.opening
    graph.feed(part.episode.steps, left=part.left)
    if opening and graph.changes and not graph.alone:
        raise InputError(f"the snapshot is not of what the recorded worker found: {graph.changes[0]}", _OTHER)
    try:
        held = attach(graph, settings, SOURCE)
    except Cut:
        return None
    except ForeignChange as error:
        raise Diverged(f"attaching after tick {part.episode.tick}: {error}", _REPORT) from error
    if graph.apart:
        raise Diverged(f"attaching after tick {part.episode.tick}: {graph.apart}", _REPORT)
    return held


def _attached_between(graph: FeedingGraph, settings: Settings) -> Held:
    """Attach where the worker had long been attached. Raises InputError where it did not know yet what is in the snapshot."""
    known = (graph.kept or Ledger()).books.external
    held = cast("Held", attach(graph, settings, SOURCE))
    if held.ledger.books.external != known:
        why = "others had written energies that are in the snapshot, and that the worker had not read yet"
        raise InputError(f"tick {held.ledger.tick}: {why}", "replay from an earlier snapshot")
    return held


def _tick(graph: FeedingGraph, held: Held, part: Part) -> Frame | None:
    """Run a tick; None where the worker had ended before it was closed."""
    graph.feed(part.episode.steps, cut=part.cut, left=part.left)
    try:
        return tick(held, part.dt)
    except Cut:
        return None
    except ForeignChange as error:
        raise Diverged(f"tick {part.episode.tick}: {error}", _REPORT) from error


def _check(graph: FeedingGraph, frame: Frame, part: Part, texts: Texts) -> None:
    """Hold a tick to what was recorded. Raises Diverged, NotReplayable."""
    if part.halved and frame.moment.frontier.active > LEAST_CAP:
        raise NotReplayable(
            f"tick {frame.frame}: the database had lacked memory, and how far the worker cut its ticks is not recorded",
            "replay from a snapshot that was taken after it had been started again",
        )
    if part.strides is not None:
        ours = stride_rows(captured(frame), texts)
        if not ours.equals(part.strides):
            raise Diverged(f"tick {frame.frame}: {_stride(part.strides.to_pylist(), ours.to_pylist())}", _REPORT)
    if graph.apart:
        raise Diverged(f"tick {frame.frame}: {graph.apart}", _REPORT)


def _stride(recorded: list[dict[str, Any]], replayed: list[dict[str, Any]]) -> str:
    """Return where strides differ first."""
    for theirs, ours in zip(recorded, replayed, strict=False):
        for name in STRIDE:
            if theirs[name] != ours[name]:
                where = f"the link {theirs['source']!r} -[{theirs['type']}]-> {theirs['target']!r}"
                return f"{name} of {where} is recorded as {theirs[name]!r}, and is {ours[name]!r}"
    return f"{len(recorded)} strides are recorded, and there are {len(replayed)}"


def _standing(found: list[Segment]) -> Iterator[Part]:
    """Yield what stands in the database: a tick whose commit nobody had heard of stands if whoever attached next found it."""
    every = [(*row, segment.manifest) for segment in found for row in segments.rows(segment)]
    halved = ""  # the session in which that was so
    for i, (episode, strides, manifest) in enumerate(every):
        session, settings = manifest["session"], manifest["settings"]
        halved = session if episode.has("halved") else halved
        after = every[i + 1][0].kind == ATTACH if i + 1 < len(every) else False
        left = every[i + 1][0].steps[0][1] if after else None
        if episode.kind == ATTACH:
            yield Part(episode, None, 0.0, cut=False, halved=False, settings=settings, left=left)
            continue
        taken = next((other.steps[0][1] for other, _, _ in every[i + 1 :] if other.kind == ATTACH), None)
        stands = episode.has("committed") or (after and taken is not None and taken["tick"] == episode.tick)
        if stands:
            dt = taken["dt"] if episode.dt is None and taken else episode.dt
            cut = bool(after and taken and taken["tick"] == episode.tick and taken["phase"] == COMMITTED)
            yield Part(episode, strides, cast("float", dt), cut, halved == session, settings, left)


def _digest_before(parts: list[Part], first: int, found: list[Segment]) -> str:
    """Return the digest of strides that what is replayed goes on from."""
    if parts[first].episode.kind == ATTACH:
        return str(parts[first].episode.digest)
    earlier = [part.episode.digest for part in parts[:first] if part.episode.digest is not None]
    return str(earlier[-1]) if earlier else str(found[0].manifest["follows"])


def _check_gaps(folder: Path, parts: list[Part], begin: int) -> None:
    tick_before = begin
    for part in parts:
        expected = tick_before + (part.episode.kind == TICK)
        if part.episode.tick != expected:
            missing = f"ticks {tick_before + 1} to {part.episode.tick - (part.episode.kind == TICK)} were not recorded"
            why = "another worker had the graph, or the recording had stopped"
            raise InputError(f"{folder}: {missing}: {why}", f"replay up to there: --ticks {tick_before - begin}")
        tick_before = part.episode.tick


def _check_settings(found: list[Segment], settings: dict[str, Any], begin: int) -> None:
    for segment in found:
        theirs = segment.manifest["settings"]
        if segment.manifest["last_tick"] <= begin or theirs == settings:
            continue
        names = [
            f"{group}.{name}"
            for group, values in settings.items()
            for name, value in values.items()
            if theirs.get(group, {}).get(name) != value
        ]
        why = f"{', '.join(names) or 'the settings'} had other values than in the snapshot"
        raise InputError(f"{segment.path}: {why}", "take snapshots with the settings that the worker has")


def _keyed(table: pa.Table, columns: dict[str, Any], key: tuple[str, ...]) -> Rows:
    """Return the rows of a table by what names them, with what the physics takes an absent value for."""
    found: Rows = {}
    if "log_weight" in columns:
        table = table.filter(table["log_weight"].is_valid())
    for row in table.select(list(columns)).sort_by([(name, "ascending") for name in columns]).to_pylist():
        plain = {name: columns[name] if value is None else value for name, value in row.items()}
        found.setdefault(tuple(plain[name] for name in key), []).append(plain)
    return found


def _compare(at: str, kind: str, theirs: Rows, ours: Rows) -> int:
    """Name the first row in which two tables differ; return how many only one of them has. Raises Diverged."""
    only = 0
    for own in sorted(theirs.keys() | ours.keys()):
        was, now = theirs.get(own, []), ours.get(own, [])
        name = _name(kind, own)
        if len(was) != len(now):
            if kind == "statistics" or any(row.get("energy") for row in (*was, *now)):
                raise Diverged(f"{at}: the {name} is not in {'the replay' if was else 'the snapshot'}", _REPORT)
            only += 1
            continue
        for before, after in zip(was, now, strict=True):
            for field, value in before.items():
                if repr(value) != repr(after[field]):
                    why = f"{field} of the {name} is {value!r} in the snapshot, and {after[field]!r} in the replay"
                    raise Diverged(f"{at}: {why}", _REPORT)
    return only


def _name(kind: str, own: tuple[Any, ...]) -> str:
    match kind:
        case "nodes":
            return f"node {own[0]!r}"
        case "links":
            return f"link {own[0]!r} -[{own[2]}]-> {own[1]!r}"
    return f"statistics of {own[0]!r}"
