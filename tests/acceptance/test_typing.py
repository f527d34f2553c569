"""A small program of a user's, as mypy --strict sees it: what it does right passes, and what it does wrong is found."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from stridegraph import (
    Activation, AsyncStridegraph, Hit, InputError, Property, Recall, Seeds, Settings, Stridegraph, StrideError, Text, Vector,
)
from stridegraph.langchain import StridegraphRetriever
from stridegraph.llamaindex import StridegraphRetriever as ForLlamaIndex


def seeds(question: str) -> Seeds:
    embedding: list[float] = [0.1, 0.2]
    return {Text(question): 1.0, Vector(embedding): 0.5, Property("kind", "memory"): 0.1, "me": 1}


def remember(settings: Settings, question: str) -> list[Hit]:
    with Stridegraph.connect(settings) as graph:
        found = graph.recall(seeds(question), 5, types=["Memory"], properties=["text"])
        assert_type(found, Recall)
        assert_type(graph.recall_vector("me"), Activation)
        assert_type(graph.inject({"me": 0.5}, 2.0), str)
        assert_type(graph.explain("me", recording=Path("recording")), dict[str, Any])
        with graph.subscribe(["frame.end.v1"]) as events:
            for event in events:
                print(event["frame"])
        StridegraphRetriever(graph=graph, seeds=seeds, k=3).invoke(question)
        ForLlamaIndex(graph, seeds=str).retrieve(question)
        return found.results


async def beside(question: str) -> Mapping[str, float]:
    async with await AsyncStridegraph.connect() as graph:
        assert_type(await graph.recall(question, k=3), Recall)
        assert_type(await graph.recall_many([["a", "b"], "c"]), list[Recall])
        assert_type(await graph.inject("me", 1.0, stimulus="once"), str)
        assert_type(await graph.top(3), list[dict[str, Any]])
        async with graph.subscribe() as events:
            async for event in events:
                print(event)
        return (await graph.recall_vector("me")).energy


try:
    print(remember(Settings.read(graph="memories"), "coffee"), asyncio.run(beside("coffee")))
except InputError as error:
    print(error.remedy)
except StrideError as error:
    raise SystemExit(error.exit_code) from error
"""
WRONG = """

async def wrong(graph: Stridegraph, waiting: AsyncStridegraph) -> None:
    graph.recall(3)
    graph.recall("me", kk=3)
    graph.inject("me", "much")
    await waiting.recall("me", kk=3)
    graph.explain("me", tick="last")
    await waiting.explain(3)
    waiting.top(3) + []
"""


def test_a_users_program_is_typed_to_the_last_call(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "--no-error-summary",
         f"--cache-dir={tmp_path / 'cache'}", program],
        env={"MYPYPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, timeout=840,
    )  # fmt: skip
    first = len(PROGRAM.splitlines()) + 4
    expected = [*range(first, first + 7)]
    assert done.stderr == ""
    found = sorted({int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line})
    assert found == expected, done.stdout
