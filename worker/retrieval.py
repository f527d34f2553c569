"""What a question brings to mind, as the retrievers of frameworks hand it on: texts, each with its score and its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from worker.errors import NothingFound
from worker.graph.seeds import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.recalls import Hit, Recalls, Seeds


class Retrieval(NamedTuple):
    """How a question becomes seeds, and what is told of each node that they bring to mind."""

    graph: Recalls
    seeds: Callable[[str], Seeds] = Text  # of a question
    k: int = 10
    context: bool = False
    types: tuple[str, ...] = ()
    text: str = "text"  # the property that holds a node's text; one that has none gives its label, or its id
    properties: tuple[str, ...] = ()  # that are told too

    def __call__(self, question: str) -> list[Passage]:
        """Recall; a question that no node answers to brings nothing to mind. Raises GraphError, InputError."""
        wanted = tuple(dict.fromkeys((self.text, *self.properties)))
        try:
            found = self.graph.recall(
                self.seeds(question), self.k, context=self.context, types=self.types, properties=wanted
            )
        except NothingFound:
            return []
        return [_passage(hit, self.text) for hit in found.results]


class Passage(NamedTuple):
    """A node that was recalled, as a piece of text."""

    id: str
    text: str
    score: float  # energy ÷ threshold
    about: dict[str, Any]  # OWN, and the properties that were asked for


OWN = ("id", "type", "label", "score", "energy", "path")


def _passage(hit: Hit, text: str) -> Passage:
    said = hit.properties.get(text)
    own = {**hit._asdict(), "path": [step._asdict() for step in hit.path]}
    more = {name: value for name, value in hit.properties.items() if name != text}
    about = more | {name: own[name] for name in OWN}
    return Passage(hit.id, said if isinstance(said, str) else hit.label or hit.id, hit.score, about)
