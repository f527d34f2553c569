"""`stridegraph demo`: WordNet in a real Neo4j, a word stimulated, thirty ticks, and what became active and why."""

from __future__ import annotations

import math
import secrets
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer
from platformdirs import user_cache_path
from rich.table import Table

from worker import wordnet
from worker.cli.console import Json, configure_log, open_graph, out, print_json, progress, say, settings_of
from worker.cli.plain import shown
from worker.cli.run import run
from worker.cli.serve import Host, Port, listening
from worker.cli.top import table
from worker.database.artifacts import fetch
from worker.errors import Fenced, InputError
from worker.graph import bulk
from worker.graph.attach import attach
from worker.tick import SCHEDULE, tick

if TYPE_CHECKING:
    from worker.api import Stridegraph
    from worker.graph.held import Held
    from worker.graph.moment import Frame
    from worker.graph.neo4j import Neo4jGraph
    from worker.settings import Settings

GRAPH = "wordnet"
NODES, LINKS = 117_791, 365_110  # what there is of it once all is imported
DT = 5.0  # seconds of the graph's time that a tick of the demo is worth; it does not wait for them
STIMULUS = 20.0  # energy for each meaning of the word
SHOWN = 20
LEASE = {"ttl": 3.0}  # so that a demo that was killed does not keep the next one waiting


@dataclass
class Story:
    """What the ticks did, added up: figures, and which strides brought energy to a node."""

    frames: list[Frame] = field(default_factory=list)
    brought: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, frame: Frame) -> None:
        """Take in a tick."""
        resident, strides = frame.resident, frame.moment.strides
        kinds = resident.link("type")[strides.link]
        rows = zip(strides.source, strides.target, kinds, strides.energy.tolist(), strict=True)
        for source, target, kind, energy in rows:
            self.brought[resident.ids[target]][resident.ids[source], resident.link_types[kind]] += energy
        self.frames.append(frame)

    def total(self, figure: str) -> float:
        """Return the sum of a figure over all ticks."""
        return math.fsum(getattr(frame, figure) for frame in self.frames)

    def timings_ms(self) -> dict[str, float]:
        """Return the median time of each step."""
        return {step: statistics.median(frame.timings_ms[step] for frame in self.frames) for step in SCHEDULE}


def demo(
    word: Annotated[str, typer.Option(help="The word to stimulate.")] = "coffee",
    ticks: Annotated[int, typer.Option(min=1, max=10_000, help="How many ticks.")] = 30,
    serve: Annotated[
        bool, typer.Option("--serve", help="Go on until Ctrl-C, and serve the page: watch it in a browser.")
    ] = False,
    host: Host = None,
    port: Port = None,
    json: Json = False,
) -> None:
    """Load WordNet into a real Neo4j, stimulate a word, and watch activation spread."""
    settings = settings_of(GRAPH, lease=LEASE)
    configure_log(as_json=json)
    if listening(host, port) and not serve:
        raise InputError("--host and --port say where to serve", "add --serve")
    started = time.monotonic()
    with open_graph(settings, new=True) as there:
        graph = there.graph
        _load(there)
        meanings = graph.connection.run("inspect/word", graph=graph.name, word=word.lower().strip())
        if not meanings:
            raise InputError(f"WordNet has no word {word!r}", "try --word tea, --word violin or --word 'black hole'")
        now = secrets.token_hex(4)
        for meaning in meanings:
            stimulus = f"demo:{now}:{meaning['id']}"
            there.inject(meaning["id"], STIMULUS, stimulus=stimulus, source="demo")
        if not serve:
            story = _ticks(graph, settings, ticks)
            found, status = there.top(SHOWN), there.status()
    if serve:
        run(graph=[GRAPH], serve=True, host=host, port=port, json=json)
    elif json:
        print_json(_result(story, found, status))
    else:
        _tell(word, meanings, story, found, status, time.monotonic() - started)


def _load(there: Stridegraph) -> None:
    """Import WordNet, unless all of it is there; what an interrupted import has left undone is made up for."""
    status, graph = there.status(), there.graph
    if (status["nodes"], status["links"]) == (NODES, LINKS):
        return
    say("fetching WordNet 3.1 (10 MB)")
    words = wordnet.load(fetch(wordnet.COORDINATE, wordnet.SHA256, user_cache_path("stridegraph")))
    say(f"importing {len(words.nodes):,} synsets and {len(words.links):,} links")
    with progress() as bar:
        task = bar.add_task("importing WordNet", total=len(words.nodes) + len(words.links))
        bulk.write(graph.connection, graph.name, words.nodes, words.links, lambda rows: bar.advance(task, rows))


def _ticks(graph: Neo4jGraph, settings: Settings, ticks: int) -> Story:
    story = Story()
    held = _attach(graph, settings)
    try:
        with progress() as bar:
            for _ in bar.track(range(ticks), description="ticking"):
                story.add(tick(held, DT))
    finally:
        graph.release(held.ledger.fence)
    return story


def _attach(graph: Neo4jGraph, settings: Settings) -> Held:
    """Take the graph, if need be after the lease of a demo that was killed has run out. Raises Fenced."""
    deadline = time.monotonic() + 2 * settings.lease.ttl
    while time.monotonic() < deadline:
        held = attach(graph, settings, f"demo:{secrets.token_hex(4)}")
        if held:
            return held
        time.sleep(0.2)
    raise Fenced(
        f"another worker is running on the graph {graph.name!r}", "stop it first, or watch it: `stridegraph top`"
    )


def _result(story: Story, found: list[dict[str, Any]], status: dict[str, Any]) -> dict[str, Any]:
    return {
        "graph": status["graph"],
        "nodes": status["nodes"],
        "links": status["links"],
        "ticks": len(story.frames),
        "active": status["active"],
        "energy_in": story.total("energy_in"),
        "energy_transferred": story.total("energy_transferred"),
        "energy_decay": story.total("energy_faded"),
        "energy_total": status["energy_total"],
        "conservation_error": status["conservation_error"],
        "top": [{name: row[name] for name in ("id", "type", "energy", "label")} for row in found],
        "timings_ms": story.timings_ms(),
    }


def _tell(
    word: str,
    meanings: list[dict[str, Any]],
    story: Story,
    found: list[dict[str, Any]],
    status: dict[str, Any],
    seconds: float,
) -> None:
    """Print what became active and why, the books, the time of each step, and what to try next."""
    out.print()
    out.print(
        f"[bold]{shown(word)}[/] has {len(meanings)} meanings in WordNet; each was given {STIMULUS:g} of energy. ",
        end="",
    )
    out.print(f"After {len(story.frames)} ticks, {status['active']} nodes are active:")
    out.print()
    out.print(table(found, why=lambda node: _why(story, node)))
    out.print()
    out.print(_figures(story, status))
    out.print()
    names = " ".join(f"{step} {ms:.1f}" for step, ms in story.timings_ms().items())
    out.print(f"[dim]ms a tick:[/] {names}   [dim]all in {seconds:.1f} s[/]")
    out.print()
    out.print("[bold]Try next[/]  (all of it is in your Neo4j, and stays there)")
    for command, what in (
        (
            f"stridegraph demo --word {'tea' if word != 'tea' else 'coffee'}",
            "a second word, while the first is still warm",
        ),
        (f"stridegraph top --graph {GRAPH}", "what is active now"),
        (f"stridegraph inject --graph {GRAPH} tea.n.01 20", "put energy on one node; the next tick takes it"),
        ("stridegraph demo --serve", "the same in a browser, while it goes on"),
        (f"stridegraph run --graph {GRAPH} --ticks 10", "the background process"),
        (f"stridegraph status --graph {GRAPH} --json", "the books, counted in the database"),
    ):
        out.print(f"  [cyan]{command:<46}[/] {what}")


def _why(story: Story, node: str) -> str:
    """Return the two sources that brought a node most energy, by which links."""
    parts = [
        f"{shown(source)} [dim]{shown(kind.lower())}[/] {energy:.2f}"
        for (source, kind), energy in story.brought[node].most_common(2)
    ]
    return ", ".join(parts) or "[dim]the stimulus[/]"


def _figures(story: Story, status: dict[str, Any]) -> Table:
    found = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("energy in", f"{story.total('energy_in'):.3f}"),
        ("moved by strides", f"{story.total('energy_transferred'):.3f}"),
        ("faded", f"{story.total('energy_faded'):.3f}"),
        ("in the database now", f"{status['energy_total']:.6f}"),
        ("unaccounted for", f"{abs(status['conservation_error']):.1e}"),
    ):
        found.add_row(f"[dim]{name}[/]", value)
    return found
