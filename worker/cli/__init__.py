"""The command `stridegraph`: one file a command, found by the file's name."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from worker.errors import InputError, StrideError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def main() -> None:
    """Run a command; end with 0, with 1 (it did not work) or with 2 (wrong usage or settings)."""
    try:
        _refuse_bytes(sys.argv[1:])
        _command()()
    except StrideError as error:
        from worker.cli.console import fail  # noqa: PLC0415  (see `_command`)

        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _command() -> Callable[[], None]:
    """Return all commands; or only the one that runs every few seconds, or for ever, without what the others import."""
    if sys.argv[1:2] == ["health"]:
        from worker.cli.health import app  # noqa: PLC0415

        del sys.argv[1]
    elif sys.argv[1:2] == ["run"]:
        with _hidden("pandas", "pyarrow"):
            importlib.import_module("worker.graph.connection")
        from worker.cli.run import app  # noqa: PLC0415

        del sys.argv[1]
        return partial(app, prog_name="stridegraph run")
    else:
        from worker.cli.app import app  # noqa: PLC0415
    return app


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Let modules seem not to be installed: the driver imports all that it could take values of."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    yield
    for name in hidden:
        del sys.modules[name]


def _refuse_bytes(arguments: list[str]) -> None:
    """Refuse what no database could take. Raises InputError."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InputError(f"an argument is not UTF-8: {argument!r}", "write it as UTF-8") from None
