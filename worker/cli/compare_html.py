"""The page that `stridegraph compare --html` writes: one file, no script, nothing fetched, for any screen and for paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from worker.cli.charts import Axis, Line, chart, number, spanned, text
from worker.cli.compare_files import naming
from worker.cli.compare_table import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from worker.compare import Agreement, Outcome, Report

SHOWN = 20  # nodes
COURSE = 12  # ticks of the table of the course, at most
DOTS = 1500  # nodes that are drawn, those of most energy
STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1b2128;--dim:#56616d;--rule:#d5dbe1;--soft:#f4f6f8;--a:#1a63a5;--b:#b9430c}
@media screen and (prefers-color-scheme:dark){
:root{--page:#14181d;--ink:#e8ecf0;--dim:#a3aeb9;--rule:#39424c;--soft:#1d2329;--a:#7cbcf5;--b:#ffa071}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1.2rem clamp(.9rem,3vw,2rem);background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.2rem 0 .6rem}
h2{font-size:1.15rem;margin:2rem 0 .6rem}
p{margin:.4rem 0;max-width:46rem}
.dim,figcaption,caption{color:var(--dim)}
.sides{display:grid;grid-template-columns:auto 1fr;gap:.35rem .8rem;margin:.8rem 0;align-items:baseline}
.sides dt{font-weight:600;white-space:nowrap}
.sides dd{margin:0;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em}
.key{display:inline-block;width:2rem;height:.7rem;vertical-align:baseline;margin-right:.45rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.4rem 1.6rem}
figure{margin:0;break-inside:avoid}
figure h3{font-size:1rem;margin:0 0 .2rem}
figcaption{font-size:.88rem}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--dim);font-size:13px}
svg .label{fill:var(--ink)}
.axis,.grid{fill:none;stroke:var(--dim);stroke-width:1}
.grid{stroke:var(--rule)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.b,.line.d{stroke-dasharray:7 4}
.dots{fill:none;stroke-width:5;stroke-linecap:round;opacity:.6}
.a{stroke:var(--a)}.b{stroke:var(--b)}.c,.d,.e{stroke:var(--ink)}
.line.e{stroke:var(--dim);stroke-width:1}
.wide{overflow-x:auto;margin:0 0 .6rem}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:0 0 .4rem}
th,td{padding:.25rem .8rem .25rem 0;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule)}
th:first-child,td.text,th.text{text-align:left}
td,thead th{white-space:nowrap}
td.text{white-space:normal;min-width:8rem}
tbody th{font-weight:400;text-align:left;min-width:8.5rem}
@media print{@page{margin:14mm}:root{font-size:12px}body{max-width:none;padding:0;font-size:1rem}
h2{break-after:avoid}tr{break-inside:avoid}
.wide{overflow:visible}.charts{grid-template-columns:1fr 1fr;gap:5mm}table{font-size:8.5pt}th,td{padding-right:.5rem}}
"""
HEAD = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
)


def write(
    file: Path,
    report: Report,
    runs: tuple[Outcome, Outcome],
    titles: tuple[str, str],
    result: dict[str, Any],
    agreement: Agreement,
) -> None:
    """Write the page. Raises InputError where the file cannot be written."""
    with naming(file):
        file.write_text(page(report, runs, titles, result, agreement), encoding="utf-8")


def page(
    report: Report, runs: tuple[Outcome, Outcome], titles: tuple[str, str], result: dict[str, Any], agreement: Agreement
) -> str:
    """Return the page; `result` is what `--json` prints."""
    parts = [
        f"{HEAD}<title>{text(titles[0])} against {text(titles[1])}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        "<h1>Two settings, the same inputs</h1>",
        _sides(titles),
        f"<p>{_told(report, result)}</p>",
        "<h2>In the course of time</h2>",
        f'<div class="charts">{"".join(_charts(report, runs, agreement))}</div>',
        "<h2>Both sides</h2>",
        _figures(report),
        "<h2>Between them</h2>",
        _between(report, result),
        "<h2>Nodes that differ most</h2>",
        _nodes(report) if report.rows else "<p>None has energy on either side.</p>",
        "<h2>The course in numbers</h2>",
        _course(runs, agreement),
        "<h2>What was run</h2>",
        _inputs(result),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _sides(titles: tuple[str, str]) -> str:
    rows = [
        f'<dt><svg class="key" viewBox="0 0 32 11" aria-hidden="true"><path class="line {name}" d="M1 6H31"/></svg>{name}</dt>'
        f"<dd>{text(title)}</dd>"
        for name, title in zip("ab", titles, strict=True)
    ]
    return f'<dl class="sides">{"".join(rows)}</dl>'


def _told(report: Report, result: dict[str, Any]) -> str:
    """Return in a few sentences what came of it."""
    a, b = report.a, report.b
    if report.l1 == 0.0 and not report.links.differing:
        apart = "Both sides come to the same energies and log-weights."
    else:
        share = "" if report.l1_relative is None else f", {report.l1_relative:.2%} of what a has"
        apart = f"All differences of energy come to {report.l1:.6g}{share}."
    ranks = (
        f"Of the {report.top_union} nodes in the top {report.top} of either side, {report.top_overlap} are in both."
        if report.top_union
        else ""
    )
    steady = "" if a.steady and b.steady else " Not both are steady yet: the figures belong to this moment."
    return text(
        f"After {result['ticks']:,} ticks, side a has {a.energy_total:.6g} of energy and {a.active:,} active nodes, "
        f"side b {b.energy_total:.6g} and {b.active:,}. {apart} {ranks}{steady}"
    )


def _charts(report: Report, runs: tuple[Outcome, Outcome], agreement: Agreement) -> Iterable[str]:
    courses = [run.course for run in runs]
    ticks = np.arange(1.0, len(courses[0].energy) + 1.0)
    x = Axis("tick", 1.0, max(len(ticks), 2))

    def two(values: Sequence[np.ndarray], *, points: bool = False) -> list[Line]:
        return [Line(name, ticks, own, points) for name, own in zip("ab", values, strict=True)]

    energy = [course.energy for course in courses]
    told = _ends("total energy", energy)
    yield _figure("Total energy", told, x, spanned("Σ E", *energy, least=0.0), two(energy))
    active = [course.active.astype(float) for course in courses]
    yield _figure("Active nodes", _ends("active nodes", active), x, spanned("nodes", *active, least=0.0), two(active))
    error = [course.error for course in courses]
    worst = ", ".join(f"{name} {number(float(np.abs(own).max()))}" for name, own in zip("ab", error, strict=True))
    yield _figure(
        "Conservation error",
        f"Σ E less what it should be, relative; the largest: {worst}.",
        x,
        spanned("relative error", *error),
        two(error, points=True),
    )
    yield _agreement(report, x, agreement)
    spent = [course.seconds * 1e3 for course in courses]
    most = float(np.quantile(np.concatenate(spent), 0.99))
    slowest = ", ".join(f"{name} {number(float(own.max()))} ms" for name, own in zip("ab", spent, strict=True))
    medians = f"median a {number(report.a.median_ms)} ms, b {number(report.b.median_ms)} ms"
    yield _figure(
        "Time of a tick",
        f"{medians}; the slowest, {slowest}, may stand at the upper edge.",
        x,
        spanned("ms", np.array([most]), least=0.0),
        two(spent),
    )
    yield _scatter(runs)


def _ends(what: str, values: Sequence[np.ndarray]) -> str:
    ends = (f"{name} {number(float(own[0]))} after the first tick, {number(float(own[-1]))} after the last"
            for name, own in zip("ab", values, strict=True))  # fmt: skip
    return f"{what.capitalize()}: {'; '.join(ends)}."


def _agreement(report: Report, x: Axis, agreement: Agreement) -> str:
    at = np.array(agreement.tick, dtype=float)
    ranks, share = (np.array(column, dtype=float) for column in (agreement.rank_correlation, agreement.overlap))
    low = min(0.0, float(np.nanmin(ranks, initial=0.0)))
    last = f"; at the end {number(ranks[-1])} and {number(share[-1])}" if len(at) else ""
    told = (
        f"Solid: rank correlation over the top {report.top} of either side. Dashed: share of these in both tops{last}."
    )
    lines = [Line("c", at, ranks), Line("d", at, share)]
    return _figure("Agreement of ranks", told, x, Axis("1: the same", low, 1.04), lines)


def _scatter(runs: tuple[Outcome, Outcome]) -> str:
    a, b = (run.energy for run in runs)
    some = np.flatnonzero((a > 0.0) | (b > 0.0))
    name = "Energy of each node"
    if not len(some):
        return f"<figure><h3>{name}</h3><figcaption>No node has energy on either side.</figcaption></figure>"
    drawn = some[np.argsort(-np.maximum(a[some], b[some]), kind="stable")[:DOTS]]
    both = np.concatenate((a[drawn], b[drawn]))
    low, high = float(both[both > 0.0].min()) / 2.0, float(both.max()) * 1.3
    more = "" if len(drawn) == len(some) else f", the {len(drawn):,} of most energy"
    told = f"{len(some):,} nodes{more}; what has none on a side stands at its edge, what is alike on the line."
    x, y = (Axis(f"energy in {side}", low, high, log=True) for side in "ab")
    lines = [
        Line("e", np.array([low, high]), np.array([low, high])),
        Line("a", np.maximum(a[drawn], low), np.maximum(b[drawn], low), points=True),
    ]
    return _figure(name, told, x, y, lines)


def _figure(name: str, told: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    return (
        f"<figure><h3>{text(name)}</h3>{chart(name, told, x, y, lines)}<figcaption>{text(told)}</figcaption></figure>"
    )


def _figures(report: Report) -> str:
    a, b = (figures(side) for side in (report.a, report.b))
    rows = [(name, a[name], b[name]) for name in a]
    return _table("What each side came to", ("figure", "a", "b"), rows)


def _between(report: Report, result: dict[str, Any]) -> str:
    learned, at = report.links, result["learned"]["at"]
    where = f" at {at['source']} -[{at['type']}]-> {at['target']}" if at else ""
    relative = "" if report.l1_relative is None else f" ({report.l1_relative:.3g} of a)"
    node = "" if report.largest_node is None else f" at {report.largest_node}"
    ranks = "—" if report.rank_correlation is None else f"{report.rank_correlation:.6f}"
    rows = [
        ("L1 distance", f"{report.l1:.6g}{relative}"),
        ("largest difference", f"{report.largest:.6g}{node}"),
        (f"rank correlation, top {report.top}", f"{ranks} over {report.top_union} nodes"),
        (f"in the top {report.top} of both", str(report.top_overlap)),
        ("log-weights that differ", f"{learned.differing:,} of {learned.count:,}, by {learned.l1:.6g} in all"),
        ("the most", f"{learned.largest:.6g}{where}"),
    ]
    return _table("How far apart they are", ("figure", "b against a"), rows, texts={1})


def _nodes(report: Report) -> str:
    rows = [
        (row.id, row.type or "—", f"{row.energy_a:.6g}", f"{row.energy_b:.6g}", f"{row.difference:+.3g}",
         str(row.rank_a or "—"), str(row.rank_b or "—"))
        for row in report.rows[:SHOWN]
    ]  # fmt: skip
    head = ("node", "type", "energy a", "energy b", "b − a", "rank a", "rank b")
    return _table(f"The {len(rows)} of largest difference, and their rank by energy", head, rows, texts={1})


def _course(runs: tuple[Outcome, Outcome], agreement: Agreement) -> str:
    count = len(runs[0].course.energy)
    at = np.unique(np.linspace(1, count, min(COURSE, count)).round().astype(int)).tolist()
    known = {tick: i for i, tick in enumerate(agreement.tick)}
    rows = []
    for tick in at:
        near = max((own for own in known if own <= tick), default=None)
        ranks = agreement.rank_correlation[known[near]] if near is not None else None
        pairs = [
            f"{getattr(run.course, name)[tick - 1]:{form}}"
            for name, form in (("energy", ".6g"), ("active", ","), ("error", ".1e"))
            for run in runs
        ]
        times = [f"{run.course.seconds[tick - 1] * 1e3:.3g}" for run in runs]
        rows.append((f"{tick:,}", *pairs, "—" if ranks is None else f"{ranks:.4f}", *times))
    head = ("tick", "Σ E a", "Σ E b", "active a", "active b", "error a", "error b", "rank corr.", "ms a", "ms b")
    return _table("What the plots draw, at some of the ticks", head, rows)


def _inputs(result: dict[str, Any]) -> str:
    stimuli = ", ".join(f"{one['node']} = {one['energy']:g}" for one in result["stimuli"]) or "none given"
    often = " (at the first tick)" if result["once"] else " (at every tick)" if result["stimuli"] else ""
    rows = [
        ("graph", f"{result['graph']}: {result['nodes']:,} nodes, {result['links']:,} links"),
        ("read from", f"the snapshot {result['snapshot']}" if result["snapshot"] else "the database"),
        ("recording", result["recording"] or "none"),
        ("ticks", f"{result['ticks']:,}" + (f" of {result['dt']:g} s" if result["dt"] else ", each of its own length")),
        ("stimuli", "as recorded" if result["recording"] else f"{stimuli}{often}"),
        ("strides a", result["a"]["digest"]),
        ("strides b", result["b"]["digest"]),
    ]
    return _table("Both sides had the same of this; the last are digests of all strides", ("", ""), rows, texts={1})


def _table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], texts: frozenset[int] | set[int] = frozenset()
) -> str:
    """Return a table whose first column says what a row is of; `texts`: columns of words."""

    def css(at: int) -> str:
        return ' class="text"' if at in texts else ""

    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>'
        + "".join(f"<td{css(at)}>{text(value)}</td>" for at, value in enumerate(others, 1))
        + "</tr>"
        for first, *others in rows
    )
    named = "".join(f'<th scope="col"{css(at)}>{text(name)}</th>' for at, name in enumerate(head))
    heads = f"<thead><tr>{named}</tr></thead>" if any(head[1:]) else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}"><table><caption>{text(caption)}</caption>'
        f"{heads}<tbody>{body}</tbody></table></div>"
    )
