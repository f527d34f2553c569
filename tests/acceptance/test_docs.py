"""The pages: they build without a warning and without a network, and what the code makes of them is what stands there."""

import dataclasses
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from worker.physics import parameters
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=["'](?:https?:)?//""")


def test_they_build_without_a_warning_and_fetch_nothing(tmp_path):
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", tmp_path / "trees", DOCS, tmp_path / "html"],
        env={**os.environ, **nowhere, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    pages = {
        path.relative_to(tmp_path / "html").as_posix(): path.read_text() for path in (tmp_path / "html").rglob("*.html")
    }
    written = {p.relative_to(DOCS).with_suffix(".html").as_posix() for p in DOCS.rglob("*.md") if p.name[0] != "_"}
    assert written <= pages.keys()
    assert not [name for name, text in pages.items() if ELSEWHERE.search(text)]
    assert "E(coffee) = 1.1 + 0.4 = 1.5" in re.sub("<[^>]*>", "", pages["explanation/physics.html"])


@pytest.mark.parametrize(
    ("script", "made", "command"),
    [
        ("worked_example.py", "explanation/_worked_example.md", "make docs"),
        ("api_table.py", "reference/api.md", "make docs-reference"),
        ("events_table.py", "reference/events.md", "make docs-reference"),
        ("failures_table.py", "reference/failures.md", "make docs-reference"),
        ("log_table.py", "reference/log.md", "make docs-reference"),
        ("metrics_table.py", "reference/metrics.md", "make docs-reference"),
        ("commands_table.py", "reference/commands.md", "make docs-reference"),
        ("http_table.py", "reference/http.md", "make docs-reference"),
        ("schema_table.py", "reference/schema.md", "make docs-reference"),
    ],
)
def test_what_code_makes_is_what_stands_there(script, made, command):
    assert runpy.run_path(str(DOCS / script))["page"]() == (DOCS / made).read_text(), f"run: {command}"


def test_a_formula_that_leads_elsewhere_is_refused():
    formula = runpy.run_path(str(DOCS / "worked_example.py"))["formula"]
    assert formula("2 · e^(−1)", 0.73576) == "2 · e^(−1) = 0.7358"
    with pytest.raises(ValueError, match="and not"):
        formula("2 · e^(−1)", 0.75)


def test_every_setting_of_the_physics_has_one_reason():
    shown = runpy.run_path(str(DOCS / "settings_table.py"))["_default"]
    groups = {name: group for name, group in Settings() if type(group).__module__ == parameters.__name__}
    expected = [
        (f"{name}.{field.name}", shown(getattr(group, field.name)))
        for name, group in groups.items()
        for field in dataclasses.fields(group)
    ]
    text = (DOCS / "explanation" / "defaults.md").read_text()
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    assert sorted((name, default.strip("`")) for name, default, _ in rows) == sorted(
        (name, default.strip("`")) for name, default in expected
    )
    assert all(why.strip() for *_, why in rows)


def test_every_label_that_a_query_names_is_told_of():
    queries = re.sub(r"//.*", "", "\n".join(path.read_text() for path in (ROOT / "cypher").rglob("*.cypher")))
    told = (DOCS / "reference" / "schema.md").read_text()
    labels = set(re.findall(r"\(\w*:(\w+)", queries))
    assert {"Node", "Ledger", "Visits"} <= labels
    assert [label for label in labels if f":{label}" not in told and not label.startswith("__Neo4jMigration")] == []


def test_physics_has_a_section_for_each_of_the_specification():
    sections = re.findall(r"^## §(\d+) ", (DOCS / "explanation" / "physics.md").read_text(), re.MULTILINE)
    assert sections == [str(number) for number in range(2, 14)]
