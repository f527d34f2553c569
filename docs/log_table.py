"""Write `docs/reference/log.md` from the log's vocabulary: `python docs/log_table.py > docs/reference/log.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.log import EVERY, LINES

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD = """# The log

`stridegraph run` writes its log to standard error, a line a happening; with `--json`, each is a JSON object. A line's name never changes its meaning,
and there are no others than these: so a search or an alert may rely on them. What happens *in* the graph is told by [events](events.md).

This page is made from `worker/log.py` by `make docs-reference`; a test compares them, and the program's own lines with both.

## Every line has
"""


def page() -> str:
    lines = [HEAD, *_table(EVERY)]
    for name, line in LINES.items():
        lines += [f"\n## `{name}`\n", f"*{line.level}.* {line.meaning}"]
        lines += ["", *_table(line.fields)] if line.fields else []
    return "\n".join(lines) + "\n"


def _table(fields: Mapping[str, str]) -> list[str]:
    return ["| field | meaning |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in fields.items())]


if __name__ == "__main__":
    print(page(), end="")
