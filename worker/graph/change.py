"""From staged arrays to the rows of a commit, and back into memory once it stands."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from worker.graph.held import by_kind, node_changes, write_back
from worker.graph.port import COMMITTED, Changes, LinkChanges
from worker.physics import criticality, decay, weights
from worker.physics.criticality import Control, Criticality

if TYPE_CHECKING:
    from worker.graph.held import Held
    from worker.graph.moment import Moment
    from worker.graph.port import Ledger
    from worker.physics.model import Floats, Staged, Strides, WeightStats


def changes(held: Held, moment: Moment, dt: float) -> Changes:
    """Return everything that the tick's commit writes, in ascending keys; nothing that stays as it is."""
    resident, stimuli, strides, staged = held.resident, moment.stimuli, moment.strides, moment.staged
    at = decay.epoch(held.ledger.decay_clock, held.parameters.decay)
    order = np.argsort(resident["key"][staged.touched])
    return Changes(
        ledger=_next(held, moment, dt),
        energy_at=at,
        nodes=node_changes(resident, staged.touched[order], _written(held, staged, at)[order], at),
        visited=resident.spelt(strides.target),
        links=_links(held, strides, staged),
        stats=_stats(held, strides, staged),
        applied=[stimulus.entry for stimulus in stimuli.applied],
        rejected=stimuli.rejected,
        ttl=held.ttl,
    )


def take_in(held: Held, done: Changes, moment: Moment) -> None:
    """Take into memory what a commit has written."""
    resident, strides, staged = held.resident, moment.strides, moment.staged
    write_back(resident, staged.touched, _written(held, staged, done.energy_at), done.energy_at)
    resident.visit(staged.touched, staged.visits)
    held.noted += len(strides.target)
    resident.link("log_weight")[strides.link] += staged.learned
    resident.rejected += moment.stimuli.named
    held.before_commit, held.foreign = held.foreign, []
    held.ledger, held.stats = done.ledger, {**held.stats, **done.stats}


def _written(held: Held, staged: Staged, at: float) -> Floats:
    """Return the energies of the touched nodes as they are written: as of the epoch `at` (§9)."""
    half_life = held.resident["half_life"][staged.touched]
    return decay.rewound(staged.after, held.ledger.decay_clock, at, half_life)


def _links(held: Held, strides: Strides, staged: Staged) -> LinkChanges:
    resident = held.resident
    which = np.flatnonzero(staged.learned)
    which = which[np.argsort(resident.link("key")[strides.link[which]])]
    link = strides.link[which]
    before = resident.link("log_weight")[link]
    return LinkChanges(
        key=resident.link("key")[link],
        source=resident["key"][strides.source[which]],
        target=resident["key"][strides.target[which]],
        before=before,
        after=before + staged.learned[which],
    )


def _stats(held: Held, strides: Strides, staged: Staged) -> dict[str, WeightStats]:
    resident = held.resident
    which = staged.learned > 0.0
    link, learned = strides.link[which], staged.learned[which]
    before, kinds = resident.link("log_weight")[link], resident.link("type")[link]
    stats = {}
    for code in np.flatnonzero(np.bincount(kinds)).tolist():
        kind, mine = resident.link_types[code], kinds == code
        if kind in held.stats:  # a type that others have added since is counted when next all links are
            stats[kind] = weights.replace(held.stats[kind], before[mine], before[mine] + learned[mine])
    return stats


def _next(held: Held, moment: Moment, dt: float) -> Ledger:
    ledger, strides, staged = held.ledger, moment.strides, moment.staged
    terms = by_kind(held.resident, staged.touched, staged.before, staged.after)
    before = Control(ledger.multiplier, ledger.octaves, ledger.streak)
    branching = ledger.branching if moment.frontier.active else None  # what rests is nothing to steer by
    control = criticality.controlled(before, branching, dt, held.parameters.criticality)
    sample = criticality.measured(moment.frontier, strides, staged, held.resident.active, dt * control.multiplier)
    ratios = criticality.mean(Criticality(ledger.branching, ledger.growth), sample)
    return held.booked_as(
        ledger.books.commit(terms, moment.stimuli.delta.tolist(), staged.lost),
        **ratios._asdict(),
        **control._asdict(),
        affect=held.parameters.valence.affect,
        lasted=moment.lasted,
        tick=ledger.tick + 1,
        phase=COMMITTED,
        dt=dt,
        weight_clock=ledger.weight_clock + (dt if held.parameters.weight_decay.enabled else 0.0),
        turn=held.turn,
        digest=_digest(held, strides),
    )


def _digest(held: Held, strides: Strides) -> str:
    """Chain the tick's strides: ends, link types, energies; nothing that differs from one database to another."""
    resident = held.resident
    return chained(
        held.ledger.digest,
        resident["name"][strides.source],
        resident["name"][strides.target],
        np.array(resident.link_type_names, dtype=np.uint64)[resident.link("type")[strides.link]],
        strides.energy,
    )


def chained(before: str, *columns: np.ndarray) -> str:
    """Return the digest of strides and all before them: fingerprints of sources, targets and link types, and energies."""
    digest = hashlib.sha256(before.encode())
    for column in columns:
        digest.update(column.tobytes())
    return digest.hexdigest()
