"""Copies of a graph in memory that cost what they touch: the rest is the original's, which must stay as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import ItemsView, Iterator, MutableMapping, ValuesView
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from worker.graph.memory import Link, MemoryGraph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.physics.model import WeightStats

Value = TypeVar("Value")


class Copied(MutableMapping[Any, Value]):
    """A mapping over another. What is asked for by its key is copied first and may be changed, what is gone through may not."""

    def __init__(
        self, base: Mapping[Any, Value], copy: Callable[[Value], Value], empty: Callable[[], Value] | None = None
    ) -> None:
        self._base = base
        self._copy = copy
        self._empty = empty  # makes what is asked for and not there
        self._own: dict[Any, Value] = {}
        self._gone: set[Any] = set()

    @property
    def untouched(self) -> bool:
        """Whether all of it is as in the other."""
        return not self._own and not self._gone

    def __getitem__(self, key: Any) -> Value:
        """Return a value that may be changed."""
        if key in self._own:
            return self._own[key]
        if key in self._base and key not in self._gone:
            self._own[key] = self._copy(self._base[key])
        elif self._empty:
            self._own[key] = self._empty()
        else:
            raise KeyError(key)
        return self._own[key]

    def __setitem__(self, key: Any, value: Value) -> None:
        """Put a value in."""
        self._own[key] = value

    def __delitem__(self, key: Any) -> None:
        """Take a value out."""
        if key not in self:
            raise KeyError(key)
        self._own.pop(key, None)
        self._gone.add(key)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key is there."""
        return key in self._own or (key in self._base and key not in self._gone)

    def __iter__(self) -> Iterator[Any]:
        """Go through the keys: those of the other, in its order, and then new ones."""
        yield from (key for key in self._base if key not in self._gone or key in self._own)
        yield from (key for key in self._own if key not in self._base)

    def __len__(self) -> int:
        """Count the keys."""
        return sum(1 for _ in self)

    def values(self) -> ValuesView[Value]:
        """Go through the values as they are; nothing is copied."""
        return _Values(self)

    def items(self) -> ItemsView[Any, Value]:
        """Go through keys and values as they are; nothing is copied."""
        return _Items(self)

    def seen(self, key: Any) -> Value:
        """Return a value as it is, not to be changed."""
        return self._own[key] if key in self._own else self._base[key]


class _Values(ValuesView[Value]):
    _mapping: Copied[Value]

    def __iter__(self) -> Iterator[Value]:
        return map(self._mapping.seen, self._mapping)


class _Items(ItemsView[Any, Value]):
    _mapping: Copied[Value]

    def __iter__(self) -> Iterator[tuple[Any, Value]]:
        return ((key, self._mapping.seen(key)) for key in self._mapping)


class Original:
    """A graph in memory that stays as it is from now on, and what every copy of it begins with."""

    def __init__(self, graph: MemoryGraph) -> None:
        self.graph = graph

    def copy(self) -> MemoryGraph:
        """Return a copy with its queue, which nobody holds."""
        return _Copy(self)

    @cached_property
    def weights(self) -> Mapping[str, WeightStats]:
        """The statistics of all links by type, counted."""
        return self.graph.weights()

    @cached_property
    def energetic(self) -> list[int]:
        """The keys of all nodes whose energy is not 0."""
        return self.graph.energetic()

    @cached_property
    def key_of(self) -> dict[str, int]:
        """The keys of all nodes by id."""
        return self.graph.key_of()


class _Copy(MemoryGraph):
    """A copy. Nothing of the graph is counted twice as long as it is as the original."""

    def __init__(self, original: Original) -> None:
        graph = original.graph
        super().__init__(
            name=graph.name,
            now=graph.now,
            node=Copied(graph.node, dict),
            link=Copied(graph.link, _link),
            entity=Copied(graph.entity, dict),
            member=Copied(graph.member, list, list),
            queue={key: dict(found) for key, found in graph.queue.items()},
            applied=dict(graph.applied),
            stats=dict(graph.stats),
            noted=Counter(graph.noted),
            elsewhere=graph.elsewhere,
            kept=graph.kept,
            _out=Copied(graph._out, list, list),  # noqa: SLF001  (a graph of the same kind)
            _key_of=original.key_of,
            _made=graph._made,  # noqa: SLF001
        )
        self._original = original

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links by type."""
        same = cast("Copied[Link]", self.link).untouched
        return dict(self._original.weights) if same else super().weights()

    def energetic(self) -> list[int]:
        """Return the keys of all nodes whose energy is not 0."""
        same = cast("Copied[Any]", self.node).untouched
        return self._original.energetic if same else super().energetic()


def _link(link: Link) -> Link:
    return Link(link.source, link.target, link.type, dict(link.properties))
