"""Write `docs/reference/failures.md` from the table of failures: `python docs/failures_table.py > docs/reference/failures.md`."""

from __future__ import annotations

from worker.errors import (
    Busy,
    CommitUnknown,
    ForeignChange,
    Refused,
    SchemaError,
    TooLarge,
    Unexpected,
    Unreachable,
)
from worker.graph.failures import TABLE, Failure

HEAD = """# Failures

What Neo4j and its driver can answer, what that means, what the worker does about it, and what is left for you to do. The first row that
fits counts. Stridegraph's other commands do not wait: they end with exit code 1 and the same words.

However the worker waits, it then attaches anew: it raises the fence first, which waits behind whatever is still under way, and reads the
ledger next. So it knows of every transaction whether it happened, and [no tick is done twice or left out](../explanation/exactly-once.md).
It says why it waits in each `worker.state` event and log line, with what to do. It tries again after at most 5 s, for as long as it takes.

Any of these in answer to COMMIT leaves open whether the transaction happened, even what otherwise ends the worker: there it asks the
ledger first. The only exception are rules of the schema, which are checked before anything is written.

In a cluster, give `STRIDE_NEO4J__URI` as `neo4j://`: the driver then finds the leader, and finds the new one after a switch. Through
`bolt://` the worker stays with one server, and waits while that is a follower.

This page is made from `worker/graph/failures.py` by `make docs-reference`; a test compares the two, and another plays every row to a worker.
"""

DOES = {
    CommitUnknown: "**verifies by the ledger**: goes on after that tick, or runs it again",
    Busy: "**tries again** soon",
    Unreachable: "**waits** until it heals",
    ForeignChange: "**reads again** what others may have changed, and stages the tick afresh",
    TooLarge: "**does a smaller tick**: the frontier cap is halved, to no less than 100; where that does not help, **ends** with exit code 1",
    Refused: "**ends** with exit code 1",
    SchemaError: "**ends** with exit code 1",
    Unexpected: "**ends** with exit code 1",
}


def page() -> str:
    lines = [HEAD, "| Neo4j or the driver says | it means | the worker | you |", "|---|---|---|---|"]
    lines += [
        f"| {_says(row)} | {row.means} | {DOES[row.error]} | {row.remedy or 'need do nothing'} |" for row in TABLE
    ]
    return "\n".join(lines) + "\n"


def _says(row: Failure) -> str:
    if not isinstance(row.says, str):
        return f"`{row.says.__name__}`"
    return f"`{row.says}…`" if row.says.endswith(".") else f"`{row.says}`"


if __name__ == "__main__":
    print(page(), end="")
