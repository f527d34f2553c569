"""Write `docs/reference/schema.md` from the migrations and the ledger: `python docs/schema_table.py > docs/reference/schema.md`."""

from __future__ import annotations

import re

from worker.graph.ledger import pack
from worker.graph.migration_files import bundled
from worker.graph.port import Ledger

HEAD = """# What is in the database

Your nodes keep their other labels, properties and relationships: the worker reads and writes only what stands here, and only where `graph` is
its own. [Which rights that takes](../how-to/secure.md).

| where | property | type | meaning | written by |
|---|---|---|---|---|
| `:Node` | `graph`, `id` | text | whose node it is, and your own key: unique together | you |
| | `type` | text | chooses threshold, half-life, stickiness; may be absent | you |
| | `energy`, `energy_at` | float | energy, and the reading of the decay clock that it is given for; absent: 0. [The energy now](#the-energy-of-a-node-now) | the worker, at first you |
| | `visits` | integer | strides that have ended here, up to one epoch behind | the worker |
| | `retention` | float | times as long as its type's half-life that it keeps energy, with `consolidation` or `resistance` | the worker |
| | `threshold` | float over 0 | in place of its type's; may be absent | you |
| | `embedding`, `emotion` | list of floats | meaning and feeling; may be absent | you |
| | `resolved` | boolean | of a goal: it needs nobody any more | you |
| | `label` | text | what commands and the page call it; may be absent | you |
| relationship between two `:Node` of one `graph` | `log_weight` | float | makes it a link; its type is the link's | you, then the worker as it learns |
| | `emotion` | list of floats | in place of the target's; may be absent | you |
| `(:Node)-[:MEMBER_OF]->(:Entity)` | `weight` on the relationship; `graph`, `id` on the entity | float; text | soft groups; a node's main entity is its heaviest | you |
| `:Stimulus` | `graph`, `id`, `node`, `delta`, `source`, `created_at` | text, text, text, float, text, datetime | the queue: energy for a node, or with `budget`, `candidates`, `similarity` for several | any client |
| `:AppliedStimulus`, `:RejectedStimulus` | the same, and `tick`, `taken_at`, `why` | | what was taken from the queue, for `stimulus.keep` seconds | the worker |
| `:Ledger` | [below](#the-ledger) | | one a graph: the worker's durable state | the worker; `revision` by you |
| `:WeightStats` | `graph`, `type`, `n`, `mean`, `std`, `updated_tick` | | statistics of log-weights by link type (§3), with the sums that they come from | the worker |
| `:Visits` | `graph`, `tick`, `ids`, `between` | | where a tick's strides ended, until it is added to `visits` | the worker |
| `:StrideProcess` | `holder`, `graphs`, `since`, `ttl`, `expires` | | processes that share several graphs | the worker |
| `:__Neo4jMigration` | | | which migrations were applied, as neo4j-migrations keeps them | `stridegraph migrate` |

## The energy of a node now

`energy` is given for the reading `energy_at` of the clock `decay_clock` that stands in the ledger; what a node has now is

```text
energy · 2^(−(decay_clock − energy_at) / half_life)
```

`cypher/inspect/top.cypher` is that as a query. `n.energy` alone is never more than about one epoch's decay (`decay.settle`, 60 s) too high.

## The ledger

"""
LEDGER = {
    "tick": "ticks that are committed",
    "phase": "`idle`, or `committed`: the tick's decay is still to come",
    "dt": "seconds of the tick that is committed",
    "fence": "who may write: raised by every worker that takes the graph",
    "holder, ttl, expires": "whose lease it is, how long it is at most, and until when, in ms of the database's clock",
    "lock": "what a transaction writes first, to have the ledger's lock; says nothing",
    "revision": "raise it when you have changed the graph: the worker reads it anew after a tick or two, at rest up to two minutes later",
    "decay_clock": "seconds that energies have decayed for in all",
    "settled": "the last epoch whose energies are written out",
    "weight_clock, forgotten, forgetting, forgetting_link": "the clock of forgetting links, and how far a forgetting is",
    "turn": "the source served last, where they take turns",
    "branching, growth": "means of the branching ratio and of the active nodes' over 20 ticks",
    "multiplier, octaves, streak": "of decay, and the state of what controls it",
    "affect, lasted": "the mood of the last tick, and for how many it has lasted",
    "digest": "SHA-256 over the strides of all ticks, each chained to the one before",
    "types, energies, half_lives": "by kind of node: the energy that the books say there is, and by what it fades",
    "opening, injected, lost, decayed, external": "the books' totals, each as two doubles whose sum is exact",
}
SCHEMA = """
## Constraints and indexes

`stridegraph migrate`, and every command that connects, makes these; no index is on `energy`, which would make every tick's writes three times slower.

```cypher
"""
TAIL = """
```

This page is made from the migrations by `make docs-reference`; tests hold it to them, to the ledger, and to the labels that the queries name.
"""


def page() -> str:
    told = {name for names in LEDGER for name in names.split(", ")}
    if missing := set(pack(Ledger())) - told:
        raise LookupError(f"of the ledger {', '.join(sorted(missing))} is not told")
    rows = [f"| {', '.join(f'`{name}`' for name in names.split(', '))} | {what} |" for names, what in LEDGER.items()]
    table = "\n".join(["| property | meaning |", "|---|---|", *rows])
    statements = [statement for migration in bundled() for statement in migration.executable]
    made = "\n".join(f"{re.sub(r'(?m)^//.*$', '', one).strip()};" for one in statements)
    return f"{HEAD}{table}\n{SCHEMA}{made}{TAIL}"


if __name__ == "__main__":
    print(page(), end="")
