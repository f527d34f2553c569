"""Which chains are refused, and that each refusal names the file and the remedy."""

import pytest

from worker.graph.migration_files import Applied, Migration
from worker.graph.migration_refusals import contradiction


def file(version, text="RETURN 1", name="File"):
    return Migration(version, name, f"V{version}__{name}.cypher", (text,))


def step(migration):
    return Applied(**migration.named, at="2026-01-01T00:00:00Z")


A, B, C = file("0001", "RETURN 1"), file("0002", "RETURN 2"), file("0003", "RETURN 3")


@pytest.mark.parametrize("applied", [(), (A,), (A, B), (A, B, C)])
def test_a_beginning_of_the_files_is_no_contradiction(applied):
    assert contradiction(tuple(map(step, applied)), (A, B, C)) is None


@pytest.mark.parametrize(
    ("applied", "known", "says"),
    [
        ((A, B, C), (A, B), "the schema is newer than this program: it has V0003__File.cypher\n  → upgrade"),
        ((A,), (), "the schema is newer"),
        ((A, B, C), (A, C), "V0002__File.cypher was applied, and this program lacks it\n  → install"),
        ((A, file("0002", "RETURN 4")), (A, B), "V0002__File.cypher was changed after it was applied: its checksum is"),
        ((A, C), (A, B, C), "the database has V0003__File.cypher out of order"),
        ((A, B, B), (A, B), "the database has V0002__File.cypher out of order"),
        (
            (file("0001", "RETURN 5", "Theirs"),),
            (A, B),
            "another program's migrations: V0001__Theirs.cypher where V0001__File",
        ),
    ],
)
def test_everything_else_is_named(applied, known, says):
    assert says in str(contradiction(tuple(map(step, applied)), known))


def test_a_renamed_file_with_the_same_text_is_the_same():
    assert contradiction((step(file("0001", "RETURN 1", "Other_name")),), (A,)) is None
