"""The figures as a page's tables."""

from __future__ import annotations

FEWEST = 20  # questions about links of a type, for it to have a row


def page(result):
    """Return all tables as Markdown: those of learning where that is done."""
    hidden, learned = result["hidden"], result.get("learning")
    n = next(iter(result["links"].values()))["n"]
    parts = [
        (
            f"Of one run (seed {result['seed']}, {result['at'][:8]}). {hidden['pairs']:,} pairs hidden with their {hidden['links']:,} links, which "
            f"leaves {hidden['answerable']:,} questions that can be answered. In brackets: 95 % intervals."
        ),
        "## Hidden links",
        f"{n} questions of the half that nothing was tuned on.",
        _links(result["links"], result["better"]),
        "### By type of the hidden link",
        "MRR, by the type of the link that leads from the node asked from to the right one.",
        _types(result["types"]),
        "### What was tuned",
        f"{hidden['tuning']} questions of the other half.",
        _tuning(result["tuning"]),
    ]
    if learned:
        parts += [
            "## Learning",
            (
                f"Hits@10 of {next(iter(learned['found']['used'].values()))['n']} questions, before and after {learned['ticks']:,} ticks. *Used*: each pair "
                f"together; {learned['learned']['used']:,} links have learned. *Apart*, the control: the same nodes as often, each with one of another "
                f"hypernym; {learned['learned']['apart']:,} links have learned."
            ),
            _learning(learned),
        ]
    return "\n\n".join(parts) + "\n"


def _links(found, better):
    judge = next(label for label in found if label not in better)
    rows = [
        [f"**{label}**" if label == judge else label, _interval(own["mrr"]), _interval(own["hits"]),
         _interval(better[label]["mrr"], signed=True) if label in better else "", f"{own['mrr_with_neighbours'][0]:.3f}"]
        for label, own in found.items()
    ]  # fmt: skip
    return _table(
        ["", "MRR", "hits@10", f"MRR less that of {judge}", "MRR, known neighbours among the candidates"], rows
    )


def _types(found):
    labels = list(next(iter(found.values())))
    rows = [
        [f"`{kind}`", str(row[labels[0]]["n"]), *_best([row[label]["mrr"][0] for label in labels])]
        for kind, row in found.items()
        if row[labels[0]]["n"] >= FEWEST
    ]
    return _table(["", "questions", *labels], rows)


def _tuning(found):
    rows = [[label, f"{own['mrr'][0]:.3f}", f"{own['hits'][0]:.3f}"] for label, own in found.items()]
    return _table(["", "MRR", "hits@10"], rows)


def _learning(learned):
    found, lift = learned["found"], learned["lift"]
    rows = [
        [label, *(f"{found[name][label]['hits'][0]:.3f}" for name in ("untrained", "apart", "used")),
         *(_interval(lift[name][label]["hits"], signed=True) for name in ("untrained", "apart"))]
        for label in found["used"]
    ]  # fmt: skip
    return _table(["", "untrained", "apart", "used", "used − untrained", "used − apart"], rows)


def _best(values):
    """Return the values, the largest in bold."""
    return [f"**{value:.3f}**" if value == max(values) else f"{value:.3f}" for value in values]


def _interval(value, *, signed=False):
    mean, low, high = (f"{number:+.3f}" if signed else f"{number:.3f}" for number in value)
    return f"{mean} ({low} to {high})"


def _table(heads, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])
