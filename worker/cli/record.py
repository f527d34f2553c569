"""`--record` and `--recording`: what `run` writes of its ticks, and `replay` goes by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from worker.errors import InputError
from worker.events.file import GRAPH, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.archive.recorder import Recorder
    from worker.settings import Settings

Folder = Annotated[
    Path | None,
    typer.Option(
        "--record",
        metavar="DIR",
        help="Record to this folder what a replay of each tick needs; `{graph}` in its name stands for that of the graph.",
        show_default=False,
    ),
]
Strides = Annotated[bool, typer.Option("--record-strides", help="Record each tick's strides too.")]


class Record(NamedTuple):
    """What is to be recorded, and where."""

    folder: Path | None = None
    strides: bool = False

    def check(self, graphs: Sequence[str]) -> None:
        """Refuse what cannot be done. Raises InputError."""
        if self.strides and not self.folder:
            raise InputError("--record-strides is for --record, and no folder is named", "name one")
        if self.folder and len(graphs) > 1 and GRAPH not in str(self.folder):
            raise InputError(
                f"--record {self.folder}: several graphs cannot be recorded to one folder", f"put {GRAPH} into its name"
            )

    def of(self, settings: Settings) -> Recorder | None:
        """Begin to record one graph, if any folder is named. Raises InputError where it cannot be used."""
        if not self.folder:
            return None
        from worker.archive.recorder import Recorder  # noqa: PLC0415  (pyarrow, that a worker need not wait for)

        return Recorder(Path(str(self.folder).replace(GRAPH, named(settings.graph))), settings, strides=self.strides)
