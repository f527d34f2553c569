"""Tables that stay where they are on a terminal, and change."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from worker.cli.console import configure_log, out
from worker.cli.plain import plain
from worker.cli.top import table
from worker.events.subscribers import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

    from worker.graph.moment import Frame

OFTEN = 4  # drawings a second
SHOWN = 15  # nodes


class _Shown(NamedTuple):
    """What is drawn of a tick."""

    frame: Frame | None
    top: list[tuple[str, str, float, float]]
    state: str


@contextmanager
def drawn(render: Callable[[], RenderableType], console: Console = out) -> Iterator[None]:
    """Draw something again and again, on a thread of its own; lines of the log stand above it."""
    with Live(console=console, get_renderable=render, refresh_per_second=OFTEN):
        configure_log(as_json=False)  # anew: standard error is what rich has put in its place
        yield
    configure_log(as_json=False)


class Board:
    """A sink: the figures of the last tick and the most active nodes, drawn anew a few times a second.

    A tick hands over what it has and goes on: it is drawn on another thread.
    """

    def __init__(self, graph: str, url: str | None = None, console: Console = out) -> None:
        self._graph = graph
        self._url = url
        self._console = console
        self._shown = _Shown(None, [], "starting")
        self._drawn = drawn(self.render, console)

    def __enter__(self) -> Self:
        self._drawn.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._drawn.__exit__(None, None, None)

    def frame(self, frame: Frame) -> None:
        """Take a tick."""
        top = sorted(Look.of(frame).top, key=lambda row: (-row[2], row[0]))
        self._shown = self._shown._replace(frame=frame, top=top[:SHOWN])

    def state(self, state: str, detail: str) -> None:
        """Take a state; what there is to say of it, the log says."""
        del detail
        self._shown = self._shown._replace(state=state)

    def close(self) -> None:
        """Have nothing to close."""

    def render(self) -> RenderableType:
        """Return what is to be seen now."""
        frame, top, state = self._shown
        parts: list[RenderableType] = [self._heading(state, frame)]
        if frame:
            rows = [
                {"id": own, "label": None, "type": kind, "energy": energy, "threshold": threshold}
                for own, kind, energy, threshold in top
            ]
            parts += ["", _figures(frame), "", table(rows) if rows else Text("no node is active", "dim")]
        return Group(*parts)

    def _heading(self, state: str, frame: Frame | None) -> Text:
        style = {"running": "bold green", "paused": "bold yellow"}.get(state, "bold yellow")
        found = Text.assemble((plain(self._graph), "bold"), "  ", (state, style))
        if frame:
            found.append(f"  tick {frame.frame}")
        if self._url:
            found.append(f"  {self._url}", "cyan")
        return found


def _figures(frame: Frame) -> Table:
    found = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(4):
        found.add_column(style="dim")
        found.add_column(justify="right", min_width=9)
    total = sum(frame.timings_ms.values())
    slowest = max(frame.timings_ms, key=frame.timings_ms.__getitem__)
    cells = (
        ("active", f"{frame.frontier_active}"), ("shadow", f"{frame.frontier_shadow}"),
        ("strides", f"{frame.strides}"), ("flips", f"+{frame.flips_on} −{frame.flips_off}"),
        ("energy in", f"{frame.energy_in:.3f}"), ("moved", f"{frame.energy_transferred:.3f}"),
        ("decayed", f"{frame.energy_faded:.3f}"), ("total", f"{frame.energy_total:.3f}"),
        ("tick", f"{total:.1f} ms"), (f"of it {slowest}", f"{frame.timings_ms[slowest]:.1f} ms"),
        ("not in the books", f"{frame.conservation_error:.1e}"), ("quarantined", f"{frame.quarantined}"),
    )  # fmt: skip
    for first in range(0, len(cells), 4):
        found.add_row(*(text for cell in cells[first : first + 4] for text in cell))
    return found
