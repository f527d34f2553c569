"""What can be observed of a tick (SPEC §13): wire models, what makes them of a frame, and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from worker.events.file import FileSink

if TYPE_CHECKING:
    from worker.graph.moment import Frame
    from worker.settings import EventsSettings


class Sink(Protocol):
    """Where the events of a worker go. None may hold up a tick, or end one."""

    def frame(self, frame: Frame) -> None:
        """Take a tick that is closed, before the graph's memory changes again."""

    def state(self, state: str, detail: str) -> None:
        """Take a state that the worker enters."""

    def close(self) -> None:
        """Let go of what it holds."""


@runtime_checkable
class Lossy(Protocol):
    """A sink that may lose events: it loses them rather than hold up a tick."""

    label: str
    dropped: int


class Sinks:
    """Several as one, each told in turn."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = [*sinks]

    @classmethod
    def of(cls, settings: EventsSettings, graph: str) -> Self:
        """Return the sinks that are set. Raises SettingsError where one cannot be opened."""
        return cls(*([FileSink(settings, graph)] if settings.file else []))

    def add(self, sink: Sink) -> None:
        """Add one."""
        self._sinks.append(sink)

    @property
    def dropped(self) -> dict[str, int]:
        """How many events were lost, by where they should have gone."""
        return {sink.label: sink.dropped for sink in self._sinks if isinstance(sink, Lossy)}

    def frame(self, frame: Frame) -> None:
        """Take a tick that is closed."""
        for sink in self._sinks:
            sink.frame(frame)

    def state(self, state: str, detail: str) -> None:
        """Take a state that the worker enters."""
        for sink in self._sinks:
            sink.state(state, detail)

    def close(self) -> None:
        """Close all."""
        for sink in self._sinks:
            sink.close()
