"""The retrievers, each by its framework's own calls, on a real Neo4j; and what is said where a framework is not installed."""

import asyncio
import importlib
import re
import sys
from pathlib import Path

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from llama_index.core.retrievers import BaseRetriever as LlamaRetriever
from llama_index.core.schema import MetadataMode

from stridegraph import InputError, Settings, Stridegraph, Text, Vector
from stridegraph.langchain import StridegraphRetriever
from stridegraph.llamaindex import StridegraphRetriever as ForLlamaIndex
from tests.stores import Neo4jStore
from worker.cli import mcp
from worker.errors import MissingExtra
from worker.graph.neo4j import Neo4jGraph

neo4j = pytest.mark.neo4j
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "langchain-and-llamaindex.md").read_text()
INDEXES = {
    "memories": "CREATE FULLTEXT INDEX memories FOR (n:Node) ON EACH [n.text]",
    "meanings": """CREATE VECTOR INDEX meanings FOR (n:Node) ON (n.embedding)
    OPTIONS {indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'cosine'}}""",
}


@pytest.fixture
def graph(connection):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    coffee = store.node(id="coffee.n.01", type="Drink", text="hot coffee", author="ada", embedding=[1.0, 0.0, 0.0])
    cup = store.node(id="cup", type="Thing", label="a cup", embedding=[0.0, 1.0, 0.0])
    morning = store.node(id="morning", type="Time", text="in the morning", author="eve")
    store.link(coffee, cup, log_weight=0.5)
    store.link(cup, morning, log_weight=1.0)
    for text in INDEXES.values():
        connection.statement(text)
    connection.statement("CALL db.awaitIndexes(60)")
    yield Stridegraph(store.graph, Settings(recall={"max_ms": 60_000.0, "energy": 60.0}))
    for name in INDEXES:
        connection.statement(f"DROP INDEX {name}")


@neo4j
def test_langchain_is_handed_documents_with_their_path(graph):
    retriever = StridegraphRetriever(graph=graph, k=3, properties=("author",))
    assert isinstance(retriever, BaseRetriever)
    first, second, third = retriever.invoke("COFFEE?")
    recalled = graph.recall(Text("coffee"), 3).results
    assert [one.id for one in (first, second, third)] == [hit.id for hit in recalled]
    assert [one.metadata["score"] for one in (first, second, third)] == [hit.score for hit in recalled]
    named = {one.id: one for one in (first, second, third)}
    assert {own: one.page_content for own, one in named.items()} == {
        "coffee.n.01": "hot coffee", "cup": "a cup", "morning": "in the morning",
    }  # fmt: skip
    assert named["morning"].metadata["author"] == "eve"
    assert "author" not in named["cup"].metadata
    assert [(step["source"], step["target"]) for step in named["morning"].metadata["path"]] == [
        ("coffee.n.01", "cup"), ("cup", "morning"),
    ]  # fmt: skip
    assert asyncio.run(retriever.ainvoke("coffee")) == [first, second, third]
    assert (retriever | RunnableLambda(len)).batch(["coffee", "nothing of it", "?"]) == [3, 0, 0]
    assert [one.id for one in StridegraphRetriever(graph=graph, types=("Time",)).invoke("coffee")] == ["morning"]


@neo4j
def test_llamaindex_is_handed_nodes_with_scores_and_awaits_beside_others(graph):
    retriever = ForLlamaIndex(graph, k=3, properties=["author"])
    assert isinstance(retriever, LlamaRetriever)
    found = retriever.retrieve("coffee")
    assert [(one.node.node_id, one.score) for one in found] == [
        (hit.id, hit.score) for hit in graph.recall(Text("coffee"), 3).results
    ]
    seen = next(one.node for one in found if one.node.node_id == "morning").get_content(MetadataMode.LLM)
    assert seen == "author: eve\n\nin the morning"
    gone = []

    async def beside():
        async def other():
            gone.append("on")

        return (await asyncio.gather(retriever.aretrieve("coffee"), other()))[0]

    assert [one.node.node_id for one in asyncio.run(beside())] == [one.node.node_id for one in found]
    assert gone == ["on"]
    assert retriever.retrieve("nothing of it") == []


@neo4j
def test_seeds_come_of_a_question_by_any_function(graph):
    for seeds in (str, lambda _: Vector([1.0, 0.1, 0.0], most=1), lambda _: {"coffee.n.01": 1.0}):
        found = StridegraphRetriever(graph=graph, seeds=seeds, k=3).invoke("coffee.n.01")
        assert {one.id: one.metadata["path"] for one in found}["coffee.n.01"] == []
        assert ForLlamaIndex(graph, seeds=seeds, k=3).retrieve("coffee.n.01")[0].score == found[0].metadata["score"]
    with pytest.raises(InputError, match="did you mean 'coffee"):
        StridegraphRetriever(graph=graph, seeds=str).invoke("coffee.n.1")
    with pytest.raises(InputError, match="choose from"):
        ForLlamaIndex(graph, seeds=lambda question: Text(question, index="none")).retrieve("coffee")


@neo4j
def test_the_lines_of_the_page_run(graph, monkeypatch, capsys):
    there = graph.graph.connection.settings
    monkeypatch.setenv("STRIDE_NEO4J__URI", there.uri)
    monkeypatch.setenv("STRIDE_NEO4J__USER", there.user)
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", there.password.get_secret_value())
    monkeypatch.setenv("STRIDE_RECALL__MAX_MS", "60000")
    names = {"embed": lambda _: [1.0, 0.0, 0.0]}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for code in blocks:
        exec(compile(code, "langchain-and-llamaindex.md", "exec"), names)
    told = capsys.readouterr().out
    assert told.count("coffee.n.01 hot coffee") == len(blocks) - 1 == 2
    for name in ("by_words", "by_index", "by_meaning", "by_id", "by_all"):
        seeds = names[name]
        assert ForLlamaIndex(graph, seeds=seeds).retrieve("coffee.n.01" if seeds is str else "coffee"), name


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [
        ("stridegraph.langchain", "langchain_core.retrievers", "langchain"),
        ("stridegraph.llamaindex", "llama_index.core.retrievers", "llamaindex"),
    ],
)
def test_what_is_not_installed_is_named_with_the_command_that_brings_it(monkeypatch, module, needs, extra):
    monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(ImportError) as error:
        importlib.import_module(module)
    assert isinstance(error.value, MissingExtra)
    assert f"pip install 'stridegraph[{extra}]'" in str(error.value)


def test_an_agent_without_the_protocols_sdk_is_told_so_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'stridegraph[mcp]'")):
        mcp.server(None)
