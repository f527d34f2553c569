"""`stridegraph mcp`: recall and inject as tools of the Model Context Protocol, for agents, over standard input and output."""

from __future__ import annotations

import asyncio
import secrets
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from worker.cli.console import Graph, open_graph, settings_of
from worker.errors import StrideError
from worker.graph import desk
from worker.graph.seeds import Text
from worker.recalls import Recalls

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from worker.recalls import SeedLike

ABOUT = (
    "A knowledge graph whose nodes have energy. `recall` spreads activation from nodes, or from words, along its links and "
    "returns what it reaches, with the path that explains each; nothing is changed. `inject` makes a node more active."
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


def mcp(graph: Graph = None) -> None:
    """Offer the tools recall and inject to an agent, by the Model Context Protocol, over standard input and output.

    It needs `pip install 'stridegraph[mcp]'`. An agent's settings name the command: `stridegraph mcp --graph NAME`.
    """
    settings = settings_of(graph)
    with open_graph(settings) as there:
        server(Recalls(there, settings)).run()


def server(recalls: Recalls) -> MCPServer:
    """Return the server of these tools. Raises StrideError where the protocol's SDK is not installed."""
    try:
        from mcp.server import MCPServer  # noqa: PLC0415  (an extra)
        from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415
    except ImportError:
        raise StrideError(
            "the SDK of the Model Context Protocol is not installed", "pip install 'stridegraph[mcp]'"
        ) from None
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
        found = await answered(
            recalls.recall, wanted, k, context=context, types=types or (), properties=properties or ()
        )
        return dict(found.plain())

    @offered.tool()
    async def inject(node: str, energy: Energy) -> dict[str, Any]:
        """Put energy on a node: the next tick of the graph's worker spreads it, and links that carry it grow stronger."""
        own, most = secrets.token_hex(8), recalls.settings.tick.energy_max
        state = await answered(desk.inject, recalls.graph, desk.Direct(node, energy), own, "mcp", most)
        return {"stimulus": own, "state": state}

    return offered
