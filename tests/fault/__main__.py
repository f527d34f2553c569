"""`python -m tests.fault`: run the matrix of reliability at full length, and write what came of it.

It goes on where it was broken off: what was run stands in `docs/reliability.json`, a portion at a time, and is kept with the page.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.fault.matrix import BY_NAME, ROWS
from worker.settings import DatabaseSettings

ROOT = Path(__file__).parents[2]
STATE, PAGE = ROOT / "docs" / "reliability.json", ROOT / "docs" / "reliability.md"
BROKEN_OFF = 2  # what pytest ends with where Ctrl-C ends it
NOTHING = {"next": 0, "runs": 0, "seconds": 0.0, "failures": [], "versions": [], "last": ""}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(BY_NAME)}")
    parser.add_argument("--hours", type=float, default=float("inf"), help="end after so long")
    parser.add_argument(
        "--seeds", help="FIRST:LAST: run these of the rows again; a failure that passes is booked as mended"
    )
    parser.add_argument("--fresh", action="store_true", help="begin these rows anew")
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in BY_NAME]:
        parser.error(f"there is no row {unknown[0]!r}: choose from {', '.join(BY_NAME)}")
    rows = [row for row in ROWS if row.name in (asked.rows or BY_NAME) and not row.missing]
    if asked.seeds:
        first, last = map(int, asked.seeds.split(":"))
        return max(_again(row, first, last - first) for row in rows)
    book = _book()
    if asked.fresh:
        book = {name: entry for name, entry in book.items() if name not in {row.name for row in rows}}
    _all(rows, book, time.monotonic() + asked.hours * 3600)
    for row in rows:
        _say(row, book.get(row.name, NOTHING))
    return 1 if any(_open(book.get(row.name, NOTHING)) for row in rows) else 0


def _book():
    return json.loads(STATE.read_text()) if STATE.exists() else {}


def _keep(book):
    STATE.write_text(json.dumps(book, indent=1))
    PAGE.write_text(page(book))


def _open(entry):
    return [each for each in entry["failures"] if "mended" not in each]


def _again(row, first, count):
    """Run seeds again; where all pass, what had failed with them is mended."""
    _, code = run(row, first, count)
    book = _book()
    failed = [each for each in book.get(row.name, NOTHING)["failures"] if each["seeds"] == f"{first}:{first + count}"]
    if code == 0 and failed:
        for each in failed:
            each["mended"] = versions()
        _keep(book)
    return code


def _all(rows, book, until):
    """Run portion by portion, the row first of which least is done, as long as the last one of it would fit."""
    while True:
        left = [
            row for row in rows if _done(row, book) < 1.0 and _entry(row, book)["lasted"] < until - time.monotonic()
        ]
        if not left:
            return
        row = min(left, key=lambda each: _done(each, book))
        entry = _entry(row, book)
        _portion(row, entry)
        _keep(book)


def _entry(row, book):
    return book.setdefault(row.name, {**NOTHING, "failures": [], "versions": [], "lasted": 0.0})


def _done(row, book):
    return _entry(row, book)["next"] / row.full


def _portion(row, entry):
    first, count = entry["next"], min(row.portion, row.full - entry["next"])
    start = time.monotonic()
    print(f"{row.name}: {first} to {first + count - 1} of {row.full}", flush=True)
    tally, code = run(row, first, count)
    if code < 0 or code == BROKEN_OFF:
        sys.exit(f"{row.name}: broken off; this portion is run again next time")
    entry["lasted"] = time.monotonic() - start
    entry["next"] += count
    entry["runs"] += tally["runs"]
    entry["seconds"] += entry["lasted"]
    entry["failures"] += [{"test": test, "seeds": f"{first}:{first + count}"} for test in tally["failed"]]
    if code and not tally["failed"]:
        entry["failures"].append({"test": f"pytest ended with {code}", "seeds": f"{first}:{first + count}"})
    entry["versions"] = sorted({*entry["versions"], versions()})
    entry["last"] = datetime.datetime.now(datetime.UTC).date().isoformat()


def run(row, first, count):
    """Run a portion of a row; return its tally, and what pytest ended with."""
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder) / "tally.json"
        command = [sys.executable, "-m", "pytest", "-q", "--databases", "embedded", "--timeout", "0", *row.tests]
        command += ["-k", row.only] if row.only else []
        command += ["--seeds", f"{first}:{first + count}", f"--hypothesis-seed={first}", "--tally", str(tally)]
        env = {**os.environ, "EXAMPLES": str(count), "FULL": "1"}
        code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
        return json.loads(tally.read_text()) if tally.exists() else {"runs": 0, "failed": []}, code


def versions():
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    parts = (
        f"stridegraph {version('stridegraph')} ({commit.stdout.strip()})",
        f"Neo4j {DatabaseSettings().version}",
        f"Python {platform.python_version()}",
    )
    return ", ".join(parts)


def _say(row, entry):
    failures = len(_open(entry))
    print(
        f"{row.name}: {entry['runs']} runs, {entry['next']} of {row.full}, {failures} failures, {entry['seconds']:.0f} s"
    )


def page(book):
    """Return docs/reliability.md."""
    lines = [
        "# What was put to the test, and how often",
        "",
        "Written by `make fault`; nothing here is typed by hand. Each row can be run alone: `make fault ROW=kill9`. What was broken off",
        "goes on where it was; `HOURS=1` bounds it. *Of full* is how much of the row's full length has been run so far; *runs* counts",
        "single runs, and every example of a property. A failure names the command that repeats it; one that passes then is told of as mended.",
        "",
        "| row | put to the test | must hold | runs | seeds | of full | failures | last run |",
        "|---|---|---|---:|---|---:|---:|---|",
    ]
    missing = []
    for row in ROWS:
        entry = book.get(row.name, NOTHING)
        if row.missing:
            missing.append(row)
            figures = "– | – | – | – | see below"
        elif not entry["next"]:
            figures = "0 | – | 0 % | – | not yet"
        else:
            part = f"{100 * min(1.0, entry['next'] / row.full):.3g} %"
            figures = f"{entry['runs']:,} | 0–{entry['next'] - 1} | {part} | {len(_open(entry))} | {entry['last']}"
        lines.append(f"| `{row.name}` | {row.what} | {row.holds} | {figures} |")
    lines += ["", "## What cannot be run yet", ""]
    lines += [f"- `{row.name}`: {row.missing}." for row in missing]
    lines += ["", "## Failures", ""]
    failures = [
        f"- `make fault ROW={name} SEEDS={each['seeds']}`: `{each['test']}`"
        for name, entry in book.items()
        for each in _open(entry)
    ]
    lines += failures or ["None."]
    mended = [
        f"- `make fault ROW={name} SEEDS={each['seeds']}`: `{each['test']}`, since {each['mended']}"
        for name, entry in book.items()
        for each in entry["failures"]
        if "mended" in each
    ]
    lines += ["", "## Mended", "", *mended] if mended else []
    ran = sorted({each for entry in book.values() for each in entry["versions"]})
    seconds = sum(entry["seconds"] for entry in book.values())
    lines += [
        "",
        "## Versions",
        "",
        f"{seconds / 3600:.1f} hours in all, on {platform.machine()}, {os.cpu_count()} cores:",
        "",
    ]
    lines += [f"- {each}" for each in ran]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
