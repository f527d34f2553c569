"""The wheel carries everything that the program needs, and works away from the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_it_carries_queries_migrations_and_locks(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("cypher", "migrations"):
        expected = {f"worker/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / kind).rglob("*.cypher")}
        assert expected
        assert expected <= names
    assert {"stridegraph/__init__.py", "stridegraph/py.typed", "worker/py.typed"} <= names
    assert "worker/database/locks/2026.08.1.lock" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]


def test_it_works_away_from_the_checkout(wheel, tmp_path):
    place = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place), str(wheel)], check=True
    )
    code = (
        "import worker, stridegraph, sys; from worker.graph.queries import query; from worker.graph.migration_files import bundled;"
        f"assert worker.__file__.startswith({str(place)!r}), worker.__file__;"
        f"assert stridegraph.__file__.startswith({str(place)!r}) and stridegraph.Stridegraph;"
        "print(len(query('commit/apply')), len(bundled()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(place)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    length, migrations = map(int, done.stdout.split())
    assert length > 100
    assert migrations >= 1
