"""What others write to a graph beside the worker: in the order of the keys, nodes before links."""

from __future__ import annotations

from tests.simulator.store import LEDGER


def give(tx, p):
    """Add energy to nodes or take from it, as somebody else may: in the order of the keys, each under its lock."""
    for key, energy in p["gifts"]:
        yield from tx.lock(("node", key))
        node = tx.store.node[key]
        before, at = node.get("energy", 0.0), node.get("energy_at", 0.0)
        after = max(0.0, before + energy)
        tx.write(node.update, {"energy": after})
        tx.write(tx.store.given.extend, ((after, at), (-before, at)))
    return []


def bump(tx, p):
    """Say that the graph has changed."""
    yield from tx.lock(LEDGER)
    if tx.store.ledger:
        tx.write(tx.store.ledger.update, {"revision": tx.store.ledger["revision"] + 1})
    return []


def delete(tx, p):
    """Delete a link, as somebody else may: its ends are locked, then itself."""
    link = tx.store.link.get(p["key"])
    if link:
        for end in sorted((link.source, link.target)):
            yield from tx.lock(("node", end))
        yield from tx.lock(("link", p["key"]))
        tx.write(tx.store.link.pop, p["key"], None)
    return []
