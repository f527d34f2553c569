"""The format of neo4j-migrations: names, statements and checksums as its own tool reads them."""

import re

import pytest

from worker.graph import migration_files
from worker.graph.migration_files import Migration, split
from worker.graph.queries import folder


def migration(text, name="V0001__X.cypher"):
    return Migration("0001", "X", name, split(text))


def test_a_name_gives_version_and_description(tmp_path):
    (tmp_path / "V0001__Keys_and_queue.cypher").write_text("RETURN 1;\n")
    (found,) = migration_files.read(tmp_path)
    assert (found.version, found.description, found.source) == (
        "0001",
        "Keys and queue",
        "V0001__Keys_and_queue.cypher",
    )


def test_a_version_may_have_parts(tmp_path):
    (tmp_path / "V1_2_3__Parts.cypher").write_text("RETURN 1;\n")
    assert migration_files.read(tmp_path)[0].version == "1.2.3"


def test_versions_are_sorted_as_numbers(tmp_path):
    for name in ("V10__A", "V9__B", "V1_10__C", "V1_2__D"):
        (tmp_path / f"{name}.cypher").write_text("RETURN 1;\n")
    assert [found.version for found in migration_files.read(tmp_path)] == ["1.2", "1.10", "9", "10"]


@pytest.mark.parametrize(
    "name", ["README.md", "V1_Short.cypher", "V1__.cypher", "V1__A.sql", "v1__A.cypher", "afterMigrate.cypher"]
)
def test_other_names_are_no_migrations(tmp_path, name):
    (tmp_path / name).write_text("RETURN 1;\n")
    assert migration_files.read(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", ()),
        (" \n;\n", ()),
        ("RETURN 1", ("RETURN 1",)),
        ("RETURN 1;", ("RETURN 1",)),
        ("RETURN 1;\nRETURN 2;\n", ("RETURN 1", "RETURN 2")),
        ("RETURN 1;\r\nRETURN 2;\r\n", ("RETURN 1", "RETURN 2")),
        ("RETURN 1;\rRETURN 2;", ("RETURN 1", "RETURN 2")),
        ("RETURN 1;;\nRETURN 2", ("RETURN 1", "RETURN 2")),
        ("RETURN ';' AS a; \nRETURN 2", ("RETURN ';' AS a; \nRETURN 2",)),
        ("// a; b\nRETURN 1;\n", ("// a; b\nRETURN 1",)),
        ("// a;\nRETURN 1;\n", ("// a", "RETURN 1")),
        ("RETURN\u00a01\u00a0;\n", ("RETURN\u00a01\u00a0",)),  # Java trims no wider blanks
    ],
)
def test_a_statement_ends_with_a_semicolon_at_the_end_of_a_line(text, statements):
    assert split(text) == statements


def test_comments_alone_are_not_run_but_count_for_the_checksum():
    commented = migration("// one\n\n  // two;\nRETURN 1;\n// three\n")
    assert commented.executable == ["RETURN 1"]
    assert commented.checksum != migration("RETURN 1;\n").checksum


# Each checksum is what neo4j-migrations 2.17.3 wrote into the graph when it applied a file with that text.
@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        ("RETURN 1;\n", "3701749805"),
        (
            "// A header\n// of two lines\n\nCREATE (:Probe {a: 1});\nCREATE (:Probe {a: ';'});\n// at the end\n",
            "2431932609",
        ),
        ("CREATE (:Probe\r\n  {a: 2});\r\n\r\n// a comment;\r\nRETURN 1\r\n", "3689964980"),
        ("\tRETURN 'é\u2013€' AS a ;;\n;\n\n  RETURN 2 AS b ;  ", "1696378795"),
        ("RETURN 1;\rRETURN 2;\r", "1926902917"),
        ("// a; b\n/* block */ RETURN 1 // after;\n", "1528286074"),
    ],
)
def test_the_checksum_is_that_of_the_tool(text, checksum):
    assert migration(text).checksum == checksum


def test_line_ends_between_statements_do_not_count():
    assert migration("RETURN 1;\nRETURN 2;\n").checksum == migration("RETURN 1;\r\n\r\nRETURN 2").checksum


class TestOurs:
    """What every file that ships must keep to."""

    files = migration_files.bundled()
    schema = re.compile(r"^(CREATE|DROP) .*(CONSTRAINT|INDEX) ", re.MULTILINE)

    def test_every_file_is_a_migration_and_none_is_left_out(self):
        assert [file.version for file in self.files] == [f"{n:04}" for n in range(1, len(self.files) + 1)]
        assert {file.source for file in self.files} == {file.name for file in folder("migrations").iterdir()}

    @pytest.mark.parametrize("file", files, ids=lambda file: file.source)
    def test_schema_or_data_never_both(self, file):
        assert len({bool(self.schema.search(statement)) for statement in file.executable}) == 1

    @pytest.mark.parametrize("file", files, ids=lambda file: file.source)
    def test_a_schema_statement_can_run_again(self, file):
        for statement in filter(self.schema.search, file.executable):
            assert re.search(r" IF (NOT )?EXISTS", statement), statement

    @pytest.mark.parametrize("file", files, ids=lambda file: file.source)
    def test_nothing_that_the_tool_reads_as_a_command(self, file):
        text = "\n".join(file.statements)
        assert not re.search(r":use |\$\{nm:|// *(assert|assume)", text, re.IGNORECASE)
