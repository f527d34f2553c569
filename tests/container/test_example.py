"""The test file of docs/how-to/test-with-containers.md, as it stands there, on an image that can be had here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.container.neo4j import IMAGE, OFFICIAL, ROOT

PAGE = (ROOT / "docs" / "how-to" / "test-with-containers.md").read_text()


@pytest.mark.container
@pytest.mark.timeout(900)
def test_it_passes(pytestconfig, tmp_path):
    if "container" not in pytestconfig.databases:
        pytest.skip("there is no Docker engine here")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert f'"{OFFICIAL}"' in example
    file = Path(tmp_path / "test_memories.py")
    file.write_text(example.replace(OFFICIAL, IMAGE))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", file]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=840, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
