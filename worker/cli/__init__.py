"""The command `stridegraph`: one file a command, found by the file's name."""

from __future__ import annotations

import sys

from worker.cli import app
from worker.cli.console import fail
from worker.errors import StrideError


def main() -> None:
    """Run a command; end with 0, with 1 (it did not work) or with 2 (wrong usage or settings)."""
    try:
        app.app()
    except StrideError as error:
        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
