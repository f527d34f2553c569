"""Every line that the log of a worker can have: its name, what it means, its fields. A test holds the program to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Line(NamedTuple):
    """What one name stands for."""

    level: str
    meaning: str
    fields: Mapping[str, str]  # those of its own


EVERY: Mapping[str, str] = {
    "timestamp": "when, RFC 3339, UTC",
    "level": "`info`, `warning`, or `error`: something is lost, or is about to be",
    "event": "the name of the line: one of those below",
    "graph": "the graph; absent where the line is of the whole process",
    "tick": "the tick that is under way, or was last; absent before the first",
}

LINES: Mapping[str, Line] = {
    "worker.state": Line(
        "info",
        "The worker enters a state. `paused` and `waiting for …` say why: somebody may have to see to that.",
        {
            "state": "one of those of [`worker.state.v1`](events.md)",
            "active": "active nodes, where it has attached",
            "why": "what holds it up",
        },
    ),
    "tick.contended": Line(
        "warning", "Others wrote faster than the tick could read: nothing was written, and the graph is read anew.", {}
    ),
    "frontier.halved": Line(
        "warning",
        "A tick was too large for the database's memory: nothing was written, and fewer sources stride at once from now on.",
        {"frontier_cap": "most sources of a tick from now on"},
    ),
    "lease.kept": Line(
        "warning",
        "The lease could not be given back at the end: the next worker waits until it runs out.",
        {"why": "what the database said"},
    ),
    "queue.compacted": Line(
        "info",
        "Stimuli that were applied or rejected over `stimulus.keep` seconds ago were deleted.",
        {"dropped": "how many, since the line before"},
    ),
    "connection.unencrypted": Line(
        "warning",
        "What goes to another machine can be read on the way, the password too.",
        {"host": "the other machine", "remedy": "the scheme that encrypts"},
    ),
    "fleet.waiting": Line(
        "warning",
        "The database does not say which graphs are this process's; it asks again four times a lease.",
        {"why": "what the database said"},
    ),
    "fleet.fenced": Line(
        "warning",
        "Another process has taken a graph that was this one's: it was too slow for its lease. It may have it again.",
        {"why": "what the worker ended with"},
    ),
    "fleet.failed": Line(
        "error",
        "A graph cannot be worked on, and is left alone; the process ends when that is so of all of them.",
        {"why": "what the worker ended with, and the remedy"},
    ),
    "books.off": Line(
        "error",
        "A tick changed the graph's energy by more than rounding, and nothing accounts for it. Over 1 %, the worker ends.",
        {"conservation_error": "energy that nothing accounts for"},
    ),
    "input.rejected": Line(
        "warning",
        "Something in the graph is not as the physics takes it: it is left out, or mended in memory; named once.",
        {
            "what": "`node`, `link`, `stimulus`, `embedding`, …",
            "identity": "which one, up to 200 characters",
            "why": "what is wrong with it, up to 200 characters",
        },
    ),
    "events.dropped": Line(
        "error",
        "The file of `events.file` cannot be written: its events are lost until it can. Ticks go on.",
        {"file": "its path", "why": "what the system said"},
    ),
    "events.resumed": Line(
        "info",
        "The file can be written again.",
        {"file": "its path", "dropped": "events that were lost since the start"},
    ),
    "serve.listening": Line("info", "It can be asked over HTTP.", {"url": "where"}),
    "serve.failed": Line(
        "error",
        "A request was answered with 500: a bug. Nothing else is touched by it.",
        {"path": "of the request", "why": "what went wrong"},
    ),
    "serve.ended": Line(
        "error",
        "The thread that serves HTTP has ended, and is not started again. Ticks go on.",
        {"why": "what ended it"},
    ),
    "recording.stopped": Line(
        "error",
        "The recording cannot be written, and has ended: ticks go on, and those after it cannot be replayed.",
        {"folder": "its folder", "why": "what the system said"},
    ),
    "recording.thinned": Line(
        "warning",
        "Strides come faster than segments are written: those of one segment are left out, what it takes to replay it is not.",
        {"folder": "its folder", "segment": "its number"},
    ),
    "health.untold": Line(
        "warning",
        "How the worker stands cannot be told, to the file of `health.file` or to systemd: a probe will take it for stuck.",
        {"why": "what the system said"},
    ),
}
