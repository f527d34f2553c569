"""Draw `docs/demo.svg` from a real run of the demo: `python docs/picture.py`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.console import Console

from worker.cli import demo

DRAWN = Path(__file__).parent / "demo.svg"


def main() -> None:
    with Path(os.devnull).open("w") as nowhere:
        demo.out = Console(record=True, width=118, file=nowhere, highlight=False, force_terminal=True)
        demo.demo(word="coffee", ticks=30, json=False)
        drawn = demo.out.export_svg(title="make demo")
    DRAWN.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))  # no fonts from elsewhere


if __name__ == "__main__":
    main()
