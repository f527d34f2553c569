"""Stridegraph as a retriever of LangChain: `pip install 'stridegraph[langchain]'`."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  (pydantic reads the annotations)
from typing import TYPE_CHECKING

from worker.api import Stridegraph  # noqa: TC001
from worker.errors import MissingExtra
from worker.graph.seeds import Text
from worker.recalls import Seeds  # noqa: TC001
from worker.retrieval import Retrieval

try:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingExtra("langchain", error) from None

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun

__all__ = ["StridegraphRetriever"]


class StridegraphRetriever(BaseRetriever):
    """What a question brings to mind, most active first: documents whose metadata have `score` and `path`.

    `seeds` makes a question what a recall begins with, by default `Text`: what a full-text index has for its words. A
    document's text is the property `text` of a node, else its label, else its id; `properties` are further metadata. `k`,
    `context` and `types` are those of `Stridegraph.recall`. Awaited, it recalls on a thread.
    """

    graph: Stridegraph
    seeds: Callable[[str], Seeds] = Text
    k: int = 10
    context: bool = False
    types: tuple[str, ...] = ()
    text: str = "text"
    properties: tuple[str, ...] = ()

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  (the base class gives it)
    ) -> list[Document]:
        """Recall. Raises GraphError, InputError."""
        ask = Retrieval(self.graph, self.seeds, self.k, self.context, self.types, self.text, self.properties)
        return [Document(id=one.id, page_content=one.text, metadata=one.about) for one in ask(query)]
