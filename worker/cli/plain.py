r"""Text that others wrote, on a terminal: it is seen, and never obeyed.

An id, a label, a link type may hold anything. What moves the cursor, colours, begins a line or turns the direction of
writing is written out as Python writes it, `\x1b`, so that no data can forge a line or drive a terminal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType

_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))  # and two line ends
_OBEYED = (*range(0x20), *range(0x7F, 0xA0), *_DIRECTIONS)
_WITHIN_LINES = re.compile(f"[{''.join(map(chr, _OBEYED)).replace(chr(10), '')}\ud800-\udfff]")
_ALL = re.compile(f"\n|{_WITHIN_LINES.pattern}")
IN_JSON = {code: f"\\u{code:04x}" for code in _OBEYED if code >= 0x7F}  # JSON itself escapes what is below


def plain(value: object) -> str:
    """Return a text on one line, with every character that a terminal would obey written out."""
    return _ALL.sub(_written_out, str(value))


def shown(value: object) -> str:
    """Return a text as `plain` does, where markup is read: it has none."""
    return escape(plain(value))


class Screen(Console):
    """A console that sends no control character but its own and line ends, whoever forgot to call `plain`."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as any console does, and write out what is left in the text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_WITHIN_LINES.sub(_written_out, segment.text), segment.style)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
