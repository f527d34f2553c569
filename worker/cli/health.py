"""`stridegraph health`: for probes. It imports little and reads one variable, since it runs every few seconds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from worker.errors import SettingsError
from worker.health.file import KEY, verdict

app = typer.Typer(name="stridegraph health", add_completion=False, pretty_exceptions_enable=False)


@app.command()
def health(
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether it is ready, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Tell whether the worker on this machine that writes STRIDE_HEALTH__FILE does its duty; end with 0 if so, else 1.

    Healthy: it was heard of in time. Ready: it also has read its graph, and ticks, rests, or stands by for another worker.
    """
    file = os.environ.get(KEY)
    if not file:
        raise SettingsError(f"{KEY} is not set", "set it to the file that the worker writes")
    found = verdict(Path(file))
    if as_json:
        print(json.dumps(found._asdict()))
    else:
        state = "not healthy" if not found.healthy else "ready" if found.ready else "healthy, not ready"
        print(f"{state}: {found.why}")
    raise typer.Exit(0 if found.healthy and (found.ready or not ready) else 1)
