"""The queries that only read: each entity as it is committed at that moment, without a lock, one after the other."""

from __future__ import annotations

from collections import Counter

from worker.graph.port import LinkRows, NodeRows


def census(tx, p):
    return [{"rows": (yield from _read(tx, [k for k, n in tx.store.node.items() if n.get("energy", 0.0) != 0]))}]


def nodes(tx, p):
    return [{"rows": (yield from _read(tx, p["keys"]))}]


def weights(tx, p):
    yield
    found = {}
    for link in tx.store.link.values():
        found.setdefault(link.type, []).append(link.properties["log_weight"])
    return [{"type": kind, "weights": values} for kind, values in found.items()]


def statistics(tx, p):
    yield
    return [dict(row) for row in tx.store.stats.values()]


def visits_noted(tx, p):
    yield
    return [{"id": own, "visits": count} for own, count in _noted(tx.store).items()]


def pending(tx, p):
    yield
    store = tx.store
    oldest = sorted(store.stimulus.items(), key=lambda item: (item[1]["created_at"], item[1]["id"]))[: p["limit"]]
    key_of = {node["id"]: key for key, node in store.node.items()}
    rows = []
    for entry, found in oldest:
        yield
        plain = {name: found.get(name) for name in ("id", "node", "delta", "source")}
        rows.append({"entry": entry, **plain, "key": key_of.get(found["node"]), "known": found["id"] in store.applied})
    return rows


def links(tx, p):
    store, rows = tx.store, []
    for key in p["keys"]:
        yield
        rows += [
            (key, link.target, own, link.type, link.properties["log_weight"], [])
            for own, link in store.link.items()
            if link.source == key
        ]
    columns = zip(*rows, strict=True) if rows else [[]] * len(LinkRows._fields)
    return [{**LinkRows(*columns)._asdict(), "hubs": []}]


def ledger(tx, p):
    yield
    return [{"ledger": dict(tx.store.ledger)}] if tx.store.ledger else []


def _read(tx, keys):
    """Read nodes one after the other: what others commit meanwhile may show in the later ones."""
    rows, names = [], NodeRows._fields[1:-1]
    for key in keys:
        yield
        found = tx.store.node.get(key)
        if found:
            rows.append((key, *map(found.get, names), []))
    return rows


def _noted(store):
    return Counter(own for ids in store.visits for own in ids)
