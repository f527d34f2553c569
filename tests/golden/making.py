"""What the golden recordings are of, how they are made, and how they are replayed.

Each is a folder: `before`, a snapshot; `recording`, what a worker then did to that graph; `expected.json`, what came of it.
"""

from __future__ import annotations

import json
import random
import shutil
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from tests.property.test_foreign import Meddler
from tests.property.worlds import World, queue
from worker.archive import files, recorded, segments
from worker.archive.recorder import Recorder
from worker.archive.replay import opened
from worker.archive.snapshot import take
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.tick import tick

HERE = Path(__file__).parent
NAMES = ("mind", "others")
TICKS, RESTARTS = {"mind": 28, "others": 14}, (5, 11)  # the worker begins anew before these
DT = (1.0, 0.1, 5.0, 3.7)
HOW = {
    "graph": "golden",
    "tick": {"alpha": 0.2, "threads": 1},
    "select": {"topk": 4, "epsilon": 0.2, "seed": 7},
    "stickiness": {"enabled": True},
    "valence": {"goal": (1.0, 0.5), "affect": (0.6, -0.3), "persistence": True},
    "learning": {"rate": 0.2},
    "decay": {"settle": 20.0, "floor": 1e-4, "half_life": {"Memory": 900.0, "Concept": 60.0, "*": 240.0}},
    "criticality": {"enabled": True, "integral": 0.5},
    "weight_decay": {"enabled": True, "every": 25.0, "half_life": {"LEADS_TO": 1e-3, "*": 1e-2}},
    "record": {"ticks": 30},
}


def world(name):
    """Return the world of a golden recording: its numbers come from a seed, and nothing of the physics has a say in them."""
    rng = random.Random(f"stridegraph {name}")
    ids = [f"n{i}" for i in range(24)]
    nodes = {}
    for own in ids:
        nodes[own] = {"type": rng.choice(("Memory", "Concept", "Task"))}
        if rng.random() < 0.6:
            nodes[own]["energy"] = rng.uniform(0.1, 3.0)
        if rng.random() < 0.3:
            nodes[own]["threshold"] = rng.uniform(0.3, 2.0)
        if rng.random() < 0.5:
            nodes[own]["embedding"] = [rng.uniform(-1, 1) for _ in range(2)]
        if rng.random() < 0.5:
            nodes[own]["emotion"] = [rng.uniform(-1, 1) for _ in range(2)]
    links = []
    for source in ids:
        for target in rng.sample([own for own in ids if own != source], 12 if source in ids[:2] else rng.randint(1, 4)):
            own = {"log_weight": rng.uniform(-2, 2)}
            if rng.random() < 0.4:
                own["emotion"] = [rng.uniform(-1, 1) for _ in range(2)]
            links.append((source, target, rng.choice(("LEADS_TO", "RELATES_TO")), own))
    ticks = []
    for _ in range(TICKS[name]):
        stimuli = [(rng.choice(ids), rng.uniform(0.2, 2.0)) for _ in range(rng.choice((0, 0, 1, 2)))]
        if rng.random() < 0.2:
            stimuli.append((tuple((own, rng.uniform(0.1, 1.0)) for own in rng.sample(ids, 3)), rng.uniform(0.5, 2.0)))
        ticks.append((rng.choice(DT), stimuli))
    return World(nodes, links, ticks, HOW)


def make(name, folder):
    """Make a golden recording anew, in a folder that is not there."""
    folder.mkdir()
    rng, of = random.Random(name), world(name)
    graph, settings = MemoryGraph("golden"), of.read()
    keys = {own: graph.add_node(id=own, **properties) for own, properties in of.nodes.items()}
    for source, target, kind, properties in of.links:
        graph.add_link(keys[source], keys[target], kind, **properties)
    entities = [graph.add_entity(id=f"E{i}") for i in range(3)]
    for key in keys.values():
        graph.add_member(key, rng.choice(entities), weight=rng.uniform(0.1, 1.0))
    take(nullcontext(MemoryExport(graph)), folder / "before", settings)
    recorder = Recorder(folder / "recording", settings)
    meddler = Meddler(graph, 1) if name == "others" else None
    held = attach(recorder.listen(graph), settings, "golden")
    for number, (dt, stimuli) in enumerate(of.ticks):
        queue(graph, number, stimuli)
        if meddler and meddler.rng.random() < 0.3:
            meddler.meddle()
        if number in RESTARTS:
            held = attach(recorder.listen(graph), settings, "golden")
        recorder.frame(tick(held, dt))
    detach(held)
    recorder.close()
    (folder / "recording" / ".lock").unlink()
    (folder / "expected.json").write_text(json.dumps(replayed(folder), indent=1) + "\n")


def replayed(folder, before=None):
    """Replay a golden recording, and return what comes of it: digests, and each tick's energy to the bit."""
    tables = opened(before or folder / "before")[1]
    settings = world("mind").read()
    plan = recorded.recording(folder / "recording", tables)
    _, found = recorded.replay(tables, settings, plan)
    return {
        "snapshot_schema": tables.snapshot.manifest["schema"],
        "recording_schema": segments.opened(folder / "recording")[0].manifest["schema"],
        "ticks": len(found.frames),
        "strides": found.held.ledger.digest,
        "state": found.digest,
        "energies": [frame["energy_total"].hex() for frame in found.frames],
    }


def expected(name):
    return json.loads((HERE / name / "expected.json").read_text())


def shuffled(source, target, seed):
    """Write a snapshot again, its rows in another order."""
    snapshot, rng = files.opened(source), random.Random(seed)
    with files.new(target) as writer:
        for kind in files.SCHEMAS:
            table = snapshot.table(kind)
            order = list(range(table.num_rows))
            rng.shuffle(order)
            writer.write(kind, table.take(pa.array(order, pa.int64())))
        writer.close()
        same = {name: value for name, value in snapshot.manifest.items() if name not in {"files", "sha256"}}
        writer.finish(same)


def make_all():
    """Make all anew, in the place of those that are there; return what each has come to."""
    for name in NAMES:
        shutil.rmtree(HERE / name, ignore_errors=True)
        make(name, HERE / name)
    return {name: expected(name)["state"][:12] for name in NAMES}
