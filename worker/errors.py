"""Every error that Stridegraph can name, as one tree.

StrideError                    it did not work; the message names the thing, `remedy` says what to do
├── SettingsError              a setting is wrong (exit code 2)
├── InputError                 a file, a row or an argument is wrong (exit code 2)
│   └── NothingFound           words, a vector or a property that no node answers to
├── MissingExtra               something is asked for that `pip install stridegraph` alone does not bring
├── DatabaseError              the local server could not be fetched, started or stopped
├── EngineError                the engine that was asked for is not installed, or does not start
├── GraphError                 the database's side of a tick
│   ├── Unreachable            nothing answers at the URI, or not any more: worth another try
│   │   ├── Busy               the database asks to try the transaction again
│   │   └── CommitUnknown      COMMIT may have happened or not: the ledger knows
│   ├── Refused                wrong password, database, right or certificate: no try will heal it
│   ├── SchemaError            a migration is missing, changed, or newer than this program
│   ├── TooLarge               the transaction did not fit the database's memory: stage a smaller tick
│   ├── Fenced                 another worker holds the graph now: this one must stop
│   ├── HeldTooLong            others would have had to wait too long: it was broken off, and nothing was written
│   ├── ForeignChange          what the tick had read is not what is there: read again, stage afresh
│   └── Unexpected             an answer that nobody here knows: a bug, which no try will heal
├── Diverged                   a replay did not do what was recorded: it names the first tick, what differs, and how
├── NotReplayable              what came of a tick depends on something that a recording does not hold
└── BooksError                 energy appeared or vanished: nothing more is moved
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def alike(name: str, known: Iterable[str]) -> str:
    """Ask whether those were meant that come nearest to a name, whatever their case; say nothing where none does."""
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=3)
    return f"did you mean {' or '.join(repr(folded[each]) for each in near)}?" if near else ""


def nearest(node: str, ids: Iterable[str]) -> str:
    """Return the remedy for an id that there is not: those that come nearest, where some do."""
    return alike(node, ids) or "see `stridegraph top`, or the ids in Neo4j"


class StrideError(Exception):
    """Something that has a name and a remedy; `exit_code` is what a command ends with."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n  → {self.remedy}" if self.remedy else message


class SettingsError(StrideError):
    """A setting has a wrong value or an unknown name."""

    exit_code = 2


class InputError(StrideError):
    """A file, a row or an argument is not what the command takes."""

    exit_code = 2


class NothingFound(InputError):
    """No node answers to the words, the vector or the property that was looked for."""


class MissingExtra(StrideError, ImportError):
    """A package is not installed that only some need; an ImportError, too."""

    def __init__(self, extra: str, error: ImportError) -> None:
        super().__init__(f"what `{extra}` needs is not installed: {error}", f"pip install 'stridegraph[{extra}]'")


class DatabaseError(StrideError):
    """The local server could not be fetched, started or stopped."""


class EngineError(StrideError):
    """The engine that was asked for is not installed, or does not start."""


class GraphError(StrideError):
    """The database's side of a tick went wrong."""


class Unreachable(GraphError):
    """Nothing answers at the URI, or not any more."""


class Busy(Unreachable):
    """The database could not do it just now (a deadlock, a lock's timeout): the whole transaction may be tried again."""


class CommitUnknown(Unreachable):
    """A COMMIT was sent and not answered, or answered by an error: only the ledger knows what became of it."""


class Refused(GraphError):
    """The database answered, and will not let this program work."""


class SchemaError(GraphError):
    """The graph's schema is not one that this program can work with."""


class TooLarge(GraphError):
    """The transaction did not fit into the database's memory."""


class Fenced(GraphError):
    """Another worker holds the graph: the ledger carries a higher fence."""


class HeldTooLong(GraphError):
    """What holds up everybody else took longer than it may."""


class ForeignChange(GraphError):
    """Some row is not as the tick had read it; nothing was written."""


class Unexpected(GraphError):
    """The database or its driver answered what nobody here knows."""


class BooksError(StrideError):
    """Energy appeared or vanished beyond what the books allow."""


class Diverged(StrideError):
    """A replay did not do what was recorded."""


class NotReplayable(StrideError):
    """What came of a tick depends on something that a recording does not hold."""
