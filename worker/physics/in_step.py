"""How the compiler lays out the passes of our own compiled code; that of a program that we are part of is its own affair."""

from __future__ import annotations

from typing import Any

from llvmlite import binding
from numba.core import event

VECTORS = 4  # worked on in step, so that one need not wait: exp and log of a link take 10.6 ns, not 19.3


class InStep(event.Listener):
    """While functions of `module` are compiled, passes are laid out for VECTORS vectors at a time; no sum is reordered."""

    def __init__(self, module: str) -> None:
        """Listen for nobody yet: `listen` does that."""
        self.module, self.depth = module, 0

    def listen(self) -> None:
        """Hear of whatever this process compiles from now on."""
        event.register("numba:compile", self)  # type: ignore[no-untyped-call]

    def on_start(self, event: Any) -> None:
        """Set the option where one of ours begins; what one calls is compiled while it is."""
        self._count(event, 1)

    def on_end(self, event: Any) -> None:
        """Leave the option to the compiler again once the outermost of ours ends."""
        self._count(event, -1)

    def _count(self, event: Any, change: int) -> None:
        function = getattr(event.data["dispatcher"], "py_func", None)
        if getattr(function, "__module__", None) == self.module:
            self.depth += change
            binding.set_option("stridegraph", f"-force-vector-interleave={VECTORS if self.depth else 0}")
