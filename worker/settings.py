"""The one settings class: read at the edge, split into frozen groups that are passed down.

A setting `a.b` is the environment variable `STRIDE_A__B`. The groups of the physics are the parameter classes of
`worker.physics.parameters`, so that each default and range stands once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from pathlib import Path  # noqa: TC003  (pydantic reads the annotation)
from typing import Annotated, Any, Self

from annotated_types import Ge, Gt, Le, Len
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.errors import SettingsError
from worker.physics import parameters

PREFIX = "STRIDE_"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Neo4jSettings(_Group):
    """Which database."""

    uri: Annotated[
        str,
        Field(
            pattern=r"^((neo4j|bolt)(\+s|\+ssc)?://\S+)?$",
            description="`neo4j://`, `bolt://`, `neo4j+s://`, …; empty: the local server of `stridegraph db`",
        ),
    ] = ""
    user: Annotated[str, Field(description="user name")] = "neo4j"
    password: Annotated[SecretStr, Field(description="password; never printed")] = SecretStr("")
    database: Annotated[str, Field(description="name of the database")] = "neo4j"
    timeout: Annotated[float, Gt(0), Le(600), Field(description="seconds to wait for a connection")] = 15.0


class DatabaseSettings(_Group):
    """The local server of `stridegraph db`."""

    home: Annotated[
        Path | None, Field(description="folder of the server, its data and logs; empty: the user's data folder")
    ] = None
    version: Annotated[str, Field(description="version of Neo4j: one of those that the program has a lock for")] = (
        "2026.08.1"
    )
    port: Annotated[
        int,
        Ge(0),
        Le(65535),
        Field(description="Bolt port on the loopback interface; 0: the first free one from 7687 on"),
    ] = 0
    memory: Annotated[
        str, Field(pattern=r"^\d+[mg]$", description="memory for heap and for page cache, each, e.g. `512m` or `2g`")
    ] = "1g"


class StimulusSettings(_Group):
    """Intake (SPEC §2)."""

    batch: Annotated[int, Ge(1), Le(100_000), Field(description="most stimuli applied in one tick")] = 1000


class ResidentSettings(_Group):
    """What the worker holds in memory of the graph."""

    enabled: Annotated[
        bool, Field(description="keep what was loaded; off: read the whole frontier every tick, same bits")
    ] = True
    max_links: Annotated[
        int, Ge(1000), Field(description="links held; over it, all are dropped, and the frontier's are read again")
    ] = 20_000_000
    refresh: Annotated[
        float, Gt(0), Field(description="seconds after which what is held is read again, for foreign changes")
    ] = 300.0


class LeaseSettings(_Group):
    """Who may write (RELIABILITY)."""

    ttl: Annotated[
        float, Ge(1), Le(3600), Field(description="seconds that a lease is valid by the database's clock")
    ] = 15.0


class EventsSettings(_Group):
    """Where events go (SPEC §13)."""

    file: Annotated[Path | None, Field(description="JSON-lines file; empty: none")] = None
    max_bytes: Annotated[int, Ge(10_000), Field(description="size at which the file is rotated")] = 100_000_000
    keep: Annotated[int, Ge(1), Le(1000), Field(description="rotated files kept")] = 5


class Settings(BaseSettings):
    """Every setting, typed and bounded. `Settings.read()` is the way in."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    graph: Annotated[str, Len(1, 200), Field(description="the graph that this worker moves energy in")] = "default"
    neo4j: Neo4jSettings = Neo4jSettings()
    database: DatabaseSettings = DatabaseSettings()
    tick: parameters.Tick = parameters.Tick()
    weights: parameters.Weights = parameters.Weights()
    fanout: parameters.Fanout = parameters.Fanout()
    valence: parameters.Valence = parameters.Valence()
    select: parameters.Select = parameters.Select()
    diffusion: parameters.Diffusion = parameters.Diffusion()
    guards: parameters.Guards = parameters.Guards()
    stickiness: parameters.Stickiness = parameters.Stickiness()
    learning: parameters.Learning = parameters.Learning()
    decay: parameters.Decay = parameters.Decay()
    threshold: parameters.Threshold = parameters.Threshold()
    stimulus: StimulusSettings = StimulusSettings()
    pace: parameters.Pace = parameters.Pace()
    resident: ResidentSettings = ResidentSettings()
    lease: LeaseSettings = LeaseSettings()
    events: EventsSettings = EventsSettings()

    @model_validator(mode="before")
    @classmethod
    def _parse_json(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read lists and tables, which the environment carries as JSON."""
        return {
            name: {k: _json(v) for k, v in group.items()} if isinstance(group, dict) and name != "neo4j" else group
            for name, group in values.items()
        }

    @classmethod
    def read(cls, **changes: Any) -> Self:
        """Read the environment, with changes on top (a command's own flags).

        Raises SettingsError with each key, its value and the allowed range; also for a `STRIDE_` variable that is none.
        """
        _refuse_unknown(cls)
        try:
            return cls(**changes)
        except ValidationError as error:
            raise SettingsError(_lines(error), "see docs/reference/settings.md") from None

    @property
    def physics(self) -> parameters.Parameters:
        """The groups that the physics takes, as one value."""
        groups = dataclasses.fields(parameters.Parameters)
        return parameters.Parameters(**{group.name: getattr(self, group.name) for group in groups})


def _json(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def variable(*path: str) -> str:
    """Return the environment variable of a setting, e.g. `variable("tick", "alpha")`."""
    return PREFIX + "__".join(path).upper()


def _variables(cls: type[Settings]) -> set[str]:
    """Return the name of every variable that sets something."""
    names = set()
    for name, info in cls.model_fields.items():
        inner = (
            getattr(info.annotation, "model_fields", None)
            or getattr(info.annotation, "__dataclass_fields__", None)
            or {}
        )
        names |= {variable(name), *(variable(name, key) for key in inner)}
    return names


def _refuse_unknown(cls: type[Settings]) -> None:
    known = _variables(cls)
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise SettingsError(
                f"{name}: there is no such setting",
                f"did you mean {near[0]}?" if near else "see docs/reference/settings.md",
            )


def _lines(error: ValidationError) -> str:
    """Return a line a setting: name, value, what is allowed (joined by "or" where a setting takes several kinds)."""
    lines: dict[str, list[str]] = {}
    for problem in error.errors():
        path = [str(part) for part in problem["loc"][:2]]
        given = problem["input"]
        together = len(path) == 1 and isinstance(given, dict)  # settings of a group that do not go together
        pairs = [([*path, key], value) for key, value in given.items()] if together else [(path, given)]
        start = ", ".join(f"{variable(*at)} = {_shown(at, value)}" for at, value in pairs)
        message = problem["msg"].removeprefix("Value error, ")
        lines.setdefault(f"{start}: ", []).append(message[0].lower() + message[1:])
    return "\n".join(start + ", or ".join(messages) for start, messages in lines.items())


def _shown(path: list[str], value: Any) -> str:
    return "(not shown)" if "password" in path else repr(value)
