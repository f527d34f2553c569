"""The queries of `cypher/`, by name: what each compares, what it locks in which order, and what it writes.

MATCH and WHERE read what is committed; SET takes the lock, and what stands on its right is read under it.
"""

from __future__ import annotations

from tests.simulator import others, reads
from tests.simulator.store import LEDGER
from worker.errors import ForeignChange
from worker.graph.port import COMMITTED, IDLE


def fence_holds(ledger, fence):
    return ledger["fence"] == fence


def tick_holds(ledger, tick, phase):
    return (ledger["tick"], ledger["phase"]) == (tick, phase)


def holds(ledger, p, at):
    return ledger is not None and fence_holds(ledger, p["fence"]) and (not at or tick_holds(ledger, *at))


def mine(tx, p, *at):
    """Lock the ledger, then compare: its fence, and its tick and phase where they are given."""
    tx.fence = p["fence"]
    yield from tx.lock(LEDGER)
    return holds(tx.store.ledger, p, at)


def take(tx, p):
    store = tx.store
    yield from tx.lock(LEDGER)
    ledger, now = store.ledger or p["fresh"], store.now()
    if ledger.get("holder") not in {None, p["holder"]} and now < ledger["expires"] <= now + ledger["ttl"]:
        return []
    taken = {**ledger, "fence": ledger["fence"] + 1, "holder": p["holder"], "ttl": p["ttl"], "expires": now + p["ttl"]}
    tx.write(setattr, store, "ledger", taken)
    return [{"ledger": dict(taken)}]


def renew(tx, p):
    if not (yield from mine(tx, p)):
        return []
    _note(tx, expires=tx.store.now() + p["ttl"])
    return [{"fence": p["fence"]}]


def release(tx, p):
    if not (yield from mine(tx, p)):
        return []
    _note(tx, expires=0.0, holder=None)
    return [{"fence": p["fence"]}]


def adopt(tx, p):
    if not (yield from mine(tx, p)):
        return []
    _note(tx, **p["ledger"])
    yield from _write_stats(tx, p["stats"])
    for kind in [kind for kind in tx.store.stats if kind not in p["types"]]:
        yield from tx.lock(("stats", kind))
        tx.write(tx.store.stats.pop, kind)
    return [{"fence": p["fence"]}]


def apply(tx, p):
    if not (yield from mine(tx, p, p["tick"] - 1, IDLE)):
        return []
    written = yield from _write_nodes(tx, p)
    for key in p["rebased"]:
        yield from tx.lock(("node", key))
        tx.write(_set, tx.store.node, key, {"energy_at": p["energy_at"]})
    for ids in p["visited"]:
        tx.write(tx.store.visits.append, ids.split(p["between"]))
    learned = yield from _write_links(tx, p)
    yield from _write_stats(tx, p["stats"])
    for entry in p["applied"]:
        yield from tx.lock(("stimulus", entry))
        _there(tx.store.stimulus, entry)
        tx.write(_consume, tx.store, entry, p["tick"])
    _note(tx, **p["ledger"], expires=tx.store.now() + p["ttl"])
    return [{"nodes": written, "links": learned, "applied": len(p["applied"])}]


def compact(tx, p):
    store, until = tx.store, tx.store.now() - p["keep"]
    old = sorted(own for own, found in store.applied.items() if found["taken_at"] < until)[: p["batch"]]
    for own in old:
        yield from tx.lock(("applied", own))
        tx.write(store.applied.pop, own, None)
    return [{"dropped": len(old), "more": len(old) == p["batch"]}]


def close(tx, p):
    if not (yield from mine(tx, p, p["tick"], COMMITTED)):
        return []
    _note(tx, **p["ledger"], expires=tx.store.now() + p["ttl"])
    return [{"revision": tx.store.ledger["revision"]}]


def settle(tx, p):
    if not (yield from mine(tx, p, p["tick"], IDLE)):
        return []
    written = yield from _write_nodes(tx, p, energy_at=p["energy_at"])
    _note(tx, **p["ledger"])
    return [{"nodes": written}]


def forget(tx, p):
    if not (yield from mine(tx, p, p["tick"], IDLE)):
        return []
    store = tx.store
    places = sorted((store.node[link.source]["id"], key) for key, link in store.link.items() if link.type in p["left"])
    batch = [place for place in places if place > (p["node"], p["link"])][: p["batch"]]
    for _, key in batch:
        yield from tx.lock(("link", key))
        link = _there(store.link, key)
        mean, left = p["mean"][link.type], p["left"][link.type]
        forgotten = mean + (link.properties["log_weight"] - mean) * left
        tx.write(link.properties.update, {"log_weight": forgotten})
    node, link = batch[-1] if batch else (None, None)
    _note(tx, **({"forgetting": node, "forgetting_link": link} if batch else {}), expires=store.now() + p["ttl"])
    return [{"node": node, "link": link}]


def count_visits(tx, p):
    if not (yield from mine(tx, p)):
        return []
    store, key_of = tx.store, {node["id"]: key for key, node in tx.store.node.items()}
    for own, count in zip(p["id"], p["visits"], strict=True):
        yield from tx.lock(("node", key_of[own]))
        tx.write(_set, store.node, key_of[own], {"visits": store.node[key_of[own]].get("visits", 0) + count})
    noted = list(store.visits)
    tx.write(store.visits.clear)
    return [{"notes": len(noted)}]


def _write_nodes(tx, p, **also):
    store, written = tx.store, 0
    for chunk in p["nodes"]:
        ids = chunk["id"].split(p["between"])
        for key, own, before, after in zip(chunk["key"], ids, chunk["before"], chunk["after"], strict=True):
            if store.node.get(key, {}).get("id") != own:
                continue
            yield from tx.lock(("node", key))
            if _there(store.node, key).get("energy", 0.0) != before:
                raise ForeignChange("ArithmeticError: an energy")
            tx.write(_set, store.node, key, {"energy": after, **also})
            written += 1
    return written


def _write_links(tx, p):
    store, written = tx.store, 0
    for chunk in p["links"]:
        columns = (chunk[name] for name in ("key", "source", "target", "before", "after"))
        for key, source, target, before, after in zip(*columns, strict=True):
            found = store.link.get(key)
            if found is None or found[:2] != (source, target):
                continue
            yield from tx.lock(("link", key))
            if _there(store.link, key).properties["log_weight"] != before:
                raise ForeignChange("ArithmeticError: a log-weight")
            tx.write(found.properties.update, {"log_weight": after})
            written += 1
    return written


def _write_stats(tx, rows):
    for row in rows:
        yield from tx.lock(("stats", row["type"]))
        tx.write(tx.store.stats.__setitem__, row["type"], row)


def _there(entities, key):
    if key not in entities:
        raise ForeignChange(f"EntityNotFound: {key}")
    return entities[key]


def _set(entities, key, properties):
    entities[key].update(properties)


def _note(tx, **properties):
    tx.write(tx.store.ledger.update, properties)


def _consume(store, entry, tick):
    found = store.stimulus.pop(entry, None)
    if found is None or found["id"] in store.applied:
        store.wrong.append(f"stimulus {entry} was applied twice")
        return
    store.applied[found["id"]] = {**found, "tick": tick, "taken_at": store.now()}


STATEMENTS = {
    "lease/take": take,
    "lease/renew": renew,
    "lease/release": release,
    "attach/census": reads.census,
    "attach/weights": reads.weights,
    "attach/statistics": reads.statistics,
    "attach/visits": reads.visits_noted,
    "attach/adopt": adopt,
    "intake/pending": reads.pending,
    "intake/compact": compact,
    "load/nodes": reads.nodes,
    "load/links": reads.links,
    "commit/apply": apply,
    "decay/close": close,
    "decay/settle": settle,
    "decay/forget": forget,
    "decay/visits": count_visits,
    "inspect/ledger": reads.ledger,
    "give": others.give,
    "delete": others.delete,
    "bump": others.bump,
}
