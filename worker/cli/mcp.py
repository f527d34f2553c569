"""`stridegraph mcp`: recall, inject and explain as tools of the Model Context Protocol, over standard input and output."""

from __future__ import annotations

import asyncio
import secrets
from importlib.metadata import version
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from worker.cli.console import Graph, open_graph, settings_of
from worker.errors import MissingExtra, StrideError
from worker.graph.seeds import Text

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from worker.api import Stridegraph
    from worker.recalls import SeedLike

ABOUT = (
    "A knowledge graph whose nodes have energy. `recall` spreads activation from nodes, or from words, along its links and "
    "returns what it reaches, with the path that explains each; nothing is changed. `inject` makes a node more active. "
    "`explain` tells why a node is active: where its energy came from."
)
Seeds = Annotated[dict[str, float], Field(description="ids of nodes to begin with, each with a weight: 1 is usual")]
Words = Annotated[
    str, Field(max_length=1000, description="words to look nodes up by, in a full-text index, as further seeds")
]
Count = Annotated[int, Field(ge=1, le=1000, description="how many nodes to return")]
Context = Annotated[bool, Field(description="go on from what is active in the graph now")]
Types = Annotated[list[str], Field(description="only nodes of these types; none: of all")]
Properties = Annotated[list[str], Field(description="names of properties to return of each node")]
Energy = Annotated[float, Field(gt=0, description="a node is active from about 1 on")]
Depth = Annotated[int, Field(ge=1, le=20, description="how many links back")]
Least = Annotated[
    float, Field(ge=0.001, le=1, description="share of the energy under which a way is not told by itself")
]


def mcp(
    graph: Graph = None,
    recording: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="What `stridegraph run --record` has written: explain goes by it, and not by the worker that serves.",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Where a worker serves; by default as STRIDE_SERVE__HOST and PORT say.", show_default=False),
    ] = None,
) -> None:
    """Offer the tools recall, inject and explain to an agent, by the Model Context Protocol, over standard input and output.

    It needs the extra `mcp` of the package. An agent's settings name the command: `stridegraph mcp --graph NAME`.
    """
    with open_graph(settings_of(graph)) as there:
        server(there, recording, url).run()


def server(graph: Stridegraph, recording: Path | None = None, url: str | None = None) -> MCPServer:
    """Return the server of these tools. Raises MissingExtra where the protocol's SDK is not installed."""
    try:
        from mcp.server import MCPServer  # noqa: PLC0415  (an extra)
        from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("mcp", error) from None
    offered = MCPServer("stridegraph", version=version("stridegraph"), instructions=ABOUT)

    async def answered(question: Any, *given: Any, **more: Any) -> Any:
        """Ask beside the protocol's own thread; what is wrong is told to the agent, so that it can ask better."""
        try:
            return await asyncio.to_thread(question, *given, **more)
        except StrideError as error:
            raise ToolError(str(error)) from error

    @offered.tool()
    async def recall(
        seeds: Seeds | None = None,
        text: Words = "",
        k: Count = 10,
        context: Context = False,
        types: Types | None = None,
        properties: Properties | None = None,
    ) -> dict[str, Any]:
        """Spread activation from nodes and words; return the nodes with most, each with the path that brought it there."""
        wanted: dict[SeedLike, float] = dict(seeds.items()) if seeds else {}
        if text:
            wanted[Text(text)] = 1.0
        found = await answered(graph.recall, wanted, k, context=context, types=types or (), properties=properties or ())
        return dict(found.plain())

    @offered.tool()
    async def inject(node: str, energy: Energy) -> dict[str, Any]:
        """Put energy on a node: the next tick of the graph's worker spreads it, and links that carry it grow stronger."""
        own = secrets.token_hex(8)
        return {"stimulus": own, "state": await answered(graph.inject, node, energy, stimulus=own, source="mcp")}

    @offered.tool()
    async def explain(node: str, depth: Depth = 2, least: Least = 0.05) -> dict[str, Any]:
        """Tell why a node is active: how it stands `now`, and where its energy `came_from`, link by link, back to stimuli.

        Amounts are of what is left of it. Where no worker tells, `came_from` is null, and `unknown` says why.
        """
        how: dict[str, Any] = {"depth": depth, "least": least, "recording": recording, "url": url}
        return dict(await answered(_explained, graph, node, how))

    return offered


def _explained(graph: Stridegraph, node: str, how: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a node and of where its energy came from. Raises InputError where there is no such node."""
    now = graph.node(node)
    del now["links"]
    try:
        return {"now": now, "came_from": graph.explain(node, **how), "unknown": None}
    except StrideError as error:
        return {"now": now, "came_from": None, "unknown": str(error)}
