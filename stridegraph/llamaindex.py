"""Stridegraph as a retriever of LlamaIndex: `pip install 'stridegraph[llamaindex]'`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from worker.errors import MissingExtra
from worker.graph.seeds import Text
from worker.retrieval import OWN, Retrieval

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise MissingExtra("llamaindex", error) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from worker.api import Stridegraph
    from worker.recalls import Seeds
    from worker.retrieval import Passage

__all__ = ["StridegraphRetriever"]


class StridegraphRetriever(BaseRetriever):
    """What a question brings to mind, most active first: nodes with their score, and `path` in their metadata.

    `seeds` makes a question what a recall begins with, by default `Text`: what a full-text index has for its words. A node's
    text is the property `text`, else its label, else its id; `properties` are further metadata, which a model sees, as it does
    not see the rest. `k`, `context` and `types` are those of `Stridegraph.recall`, `more` is the base class's own.
    """

    def __init__(
        self,
        graph: Stridegraph,
        *,
        seeds: Callable[[str], Seeds] = Text,
        k: int = 10,
        context: bool = False,
        types: Iterable[str] = (),
        text: str = "text",
        properties: Iterable[str] = (),
        **more: Any,
    ) -> None:
        self._recall = Retrieval(graph, seeds, k, context, tuple(types), text, tuple(properties))
        super().__init__(**more)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Recall. Raises GraphError, InputError."""
        return [NodeWithScore(node=_node(one), score=one.score) for one in self._recall(query_bundle.query_str)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Recall on a thread: the base class would hold up all that is awaited meanwhile."""
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(one: Passage) -> TextNode:
    return TextNode(
        id_=one.id,
        text=one.text,
        metadata=one.about,
        excluded_llm_metadata_keys=list(OWN),
        excluded_embed_metadata_keys=list(OWN),
    )
