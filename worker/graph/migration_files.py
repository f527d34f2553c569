"""What the files of `migrations/` say, in the format of neo4j-migrations, and what a database keeps of them."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from worker.graph.queries import folder

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_NAME = re.compile(r"V(?P<version>\d+(?:_\d+)*)__(?P<name>[\w ]+)\.cypher")
_END = re.compile(r";(?:\r?\n|\r)")
_BLANK = "".join(map(chr, range(ord(" ") + 1)))  # what Java's trim() cuts: the checksum is taken over what is left


@dataclass(frozen=True)
class Migration:
    """One file: `V0001__Keys.cypher` has version `0001` and description `Keys`."""

    version: str
    description: str
    source: str
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """CRC-32 over all statements, those that are comments included, in decimal digits."""
        return str(zlib.crc32("".join(self.statements).encode()))

    @property
    def named(self) -> dict[str, str]:
        """What the chain in the graph keeps of it."""
        plain = {"version": self.version, "description": self.description, "source": self.source}
        return plain | {"checksum": self.checksum}

    @property
    def executable(self) -> list[str]:
        """The statements that are more than comments."""
        return [statement for statement in self.statements if not all(map(_is_comment, statement.splitlines()))]


@dataclass(frozen=True)
class Applied:
    """A migration that a database has; `at` is RFC 3339, in UTC."""

    version: str
    description: str
    source: str
    checksum: str
    at: str


@cache
def bundled() -> tuple[Migration, ...]:
    """Return the migrations that ship with this program, oldest first."""
    return read(folder("migrations"))


def read(place: Traversable) -> tuple[Migration, ...]:
    """Return the migrations of a folder, oldest first; files with other names are none."""
    names = ((_NAME.fullmatch(file.name), file) for file in place.iterdir())
    migrations = (_migration(name, file) for name, file in names if name)
    return tuple(sorted(migrations, key=lambda migration: order(migration.version)))


def order(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by: number by number, so that 2 is before 10."""
    return tuple(map(int, re.findall(r"\d+", version)))


def split(text: str) -> tuple[str, ...]:
    """Return the statements of a text: each ends with a semicolon at the end of a line, or with the text."""
    statements = (part.strip(_BLANK).removesuffix(";").strip(_BLANK) for part in _END.split(text))
    return tuple(statement for statement in statements if statement)


def _migration(name: re.Match[str], file: Traversable) -> Migration:
    return Migration(
        version=name["version"].replace("_", "."),
        description=name["name"].replace("_", " "),
        source=file.name,
        statements=split(file.read_bytes().decode()),  # no universal newlines: they are part of the checksum
    )


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("//")
