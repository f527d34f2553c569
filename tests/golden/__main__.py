"""`python -m tests.golden`: make the golden recordings anew. `--replay`: replay those that are there, and print what comes of it."""

from __future__ import annotations

import json
import sys

from tests.golden.making import HERE, NAMES, make_all, replayed

if sys.argv[1:] == ["--replay"]:
    print(json.dumps({name: replayed(HERE / name) for name in NAMES}))
else:
    for name, state in make_all().items():
        print(f"{name}: {state}: say in CHANGELOG.md why it has changed, and name it there")
