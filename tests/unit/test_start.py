"""What `stridegraph run` imports before it connects: a worker waits for nothing that no tick needs."""

from __future__ import annotations

import subprocess
import sys

IMPORTED = """
import sys
sys.argv = ["stridegraph", "run"]
import worker.cli
worker.cli._command()
print(*sorted({"pandas", "pyarrow", "jgo", "requests", "fastapi", "scipy.stats"} & sys.modules.keys()))
import pandas, pyarrow
print(pandas.__name__, pyarrow.__name__)
"""


def test_run_imports_nothing_that_no_tick_needs_and_hides_nothing_for_good():
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "pandas pyarrow"]
