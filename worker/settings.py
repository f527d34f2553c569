"""The one settings class: read at the edge, split into frozen groups that are passed down.

A setting `a.b` is the environment variable `STRIDE_A__B`. The groups of the physics are the parameter classes of
`worker.physics.parameters`, so that each default and range stands once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
from pathlib import Path  # noqa: TC003  (pydantic reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le, Len
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from worker.errors import SettingsError
from worker.physics import parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "STRIDE_"
REFERENCE = "see docs/reference/settings.md"
LONGEST = 200  # characters of a value that are told


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


SECRETS = ("password", "token")  # never told, and never read as JSON


def _address(uri: str) -> str:
    """Refuse a URI that names no server, and one that carries a password: it would be told in every line about it."""
    try:
        parts = urlsplit(uri)
        named = not uri or (parts.port != 0 and (parts.hostname or "").encode("idna"))
    except ValueError:  # no port, no host, or brackets left open
        named = False
    if "@" in uri:
        raise ValueError("it carries a user or a password: set STRIDE_NEO4J__USER and STRIDE_NEO4J__PASSWORD instead")
    if not named:
        raise ValueError("it names no host and port, as in bolt://localhost:7687")
    return uri


def _holding(what: str, path: Path | None) -> Path | None:
    """Return the path of a secret's file. Raises ValueError where it holds none."""
    if path and not _line(path):
        raise ValueError(f"the file is empty: write the {what} into it")
    return path


def _secret(given: SecretStr, path: Path | None, *by_file: str) -> str:
    """Return a secret as it is given, or as its file holds it. Raises ValueError where there are both."""
    if path and given.get_secret_value():
        raise ValueError(f"give this or {variable(*by_file)}, not both")
    return _line(path) if path else given.get_secret_value()


def _line(path: Path) -> str:
    """Return what a file holds, without the line end after it. Raises ValueError."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None


class Neo4jSettings(_Group):
    """Which database."""

    uri: Annotated[
        str,
        Field(
            pattern=r"^((neo4j|bolt)(\+s|\+ssc)?://\S+)?$",
            description="`neo4j://`, `bolt://`, `neo4j+s://`, …; empty: the local server of `stridegraph db`",
        ),
        AfterValidator(_address),
    ] = ""
    user: Annotated[str, Field(description="user name")] = "neo4j"
    password_file: Annotated[
        Path | None, Field(description="file that holds the password and nothing else; empty: none")
    ] = None
    password: Annotated[SecretStr, Field(description="password; never printed", validate_default=True)] = SecretStr("")
    database: Annotated[str, Field(description="name of the database")] = "neo4j"
    timeout: Annotated[float, Gt(0), Le(600), Field(description="seconds to wait for a connection")] = 15.0

    @field_validator("password_file")
    @classmethod
    def _holds_a_password(cls, path: Path | None) -> Path | None:
        return _holding("password", path)

    @field_validator("password")
    @classmethod
    def _of_the_file(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        return SecretStr(_secret(password, info.data.get("password_file"), "neo4j", "password_file"))


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
    keep: Annotated[
        float,
        Ge(1),
        Le(315_360_000),
        Field(description="seconds after which an applied or rejected stimulus is deleted: so long its id is refused"),
    ] = 604_800.0


class ResidentSettings(_Group):
    """What the worker holds in memory of the graph."""

    enabled: Annotated[
        bool, Field(description="keep what was loaded; off: read the whole frontier every tick, same bits")
    ] = True
    max_links: Annotated[
        int, Ge(1000), Field(description="links held; over it, all are dropped, and the frontier's are read again")
    ] = 20_000_000
    max_nodes: Annotated[
        int,
        Ge(1000),
        Field(description="nodes held; over it, those without energy are dropped, and read again when needed"),
    ] = 5_000_000
    refresh: Annotated[
        float, Gt(0), Field(description="seconds after which what is held is read again, for foreign changes")
    ] = 300.0


class RecallSettings(_Group):
    """Recall: what is spread, and how far."""

    ticks: Annotated[int, Ge(1), Le(1000), Field(description="ticks that a recall spreads its seeds' energy for")] = 8
    dt: Annotated[
        float, Gt(0), Le(600), Field(description="seconds of the graph's time that each of them is worth")
    ] = 5.0
    energy: Annotated[
        float,
        Gt(0),
        Le(1_000_000),
        Field(description="energy of a seed of weight 1, in multiples of `threshold.default`"),
    ] = 20.0
    fresh: Annotated[
        float,
        Ge(0),
        Le(86_400),
        Field(description="seconds for which what was read serves the next recalls, while a worker ticks; 0: none"),
    ] = 5.0
    max_nodes: Annotated[
        int, Ge(1), Le(10_000_000), Field(description="nodes that energy may reach; beyond, a recall is partial")
    ] = 20_000
    max_ms: Annotated[
        float, Gt(0), Le(600_000), Field(description="milliseconds after which it begins no step more, and is partial")
    ] = 10_000.0


class LeaseSettings(_Group):
    """Who may write (RELIABILITY)."""

    ttl: Annotated[
        float, Ge(1), Le(3600), Field(description="seconds that a lease is valid by the database's clock")
    ] = 15.0


class EventsSettings(_Group):
    """Where events go (SPEC §13)."""

    file: Annotated[
        Path | None,
        Field(description="JSON-lines file; `{graph}` in its name stands for that of the graph; empty: none"),
    ] = None
    max_bytes: Annotated[int, Ge(10_000), Field(description="size at which the file is rotated")] = 100_000_000
    keep: Annotated[int, Ge(1), Le(1000), Field(description="rotated files kept")] = 5


class RecordSettings(_Group):
    """How what `stridegraph run --record` writes is parted into segments: whichever comes first begins another."""

    ticks: Annotated[int, Ge(1), Le(1_000_000), Field(description="most ticks of a segment")] = 1000
    seconds: Annotated[float, Gt(0), Le(86_400), Field(description="seconds after which a segment ends")] = 60.0
    max_bytes: Annotated[
        int, Ge(10_000), Field(description="bytes after which a segment ends; strides count by their size in memory")
    ] = 64_000_000


class HealthSettings(_Group):
    """How it is told whether a worker does its duty."""

    file: Annotated[Path | None, Field(description="file that `stridegraph health` reads; empty: none")] = None
    interval: Annotated[
        float,
        Ge(0.1),
        Le(600),
        Field(
            description="seconds for which a worker may be silent; after three such it is stuck: a tick must not take as long"
        ),
    ] = 5.0
    startup: Annotated[
        float, Ge(1), Le(86_400), Field(description="seconds after which a worker that still attaches is stuck")
    ] = 600.0


class ServeSettings(_Group):
    """HTTP: metrics, events, questions and control (`stridegraph serve`, `run --serve`)."""

    host: Annotated[
        str, Len(1, 253), Field(description="address to listen on; one that other machines reach demands a token")
    ] = "127.0.0.1"
    port: Annotated[int, Ge(0), Le(65535), Field(description="port; 0: any that is free")] = 7300
    token_file: Annotated[Path | None, Field(description="file that holds the token and nothing else; empty: none")] = (
        None
    )
    token: Annotated[
        SecretStr,
        Field(description="what each request must carry, 16 characters or more; never printed", validate_default=True),
    ] = SecretStr("")
    hosts: Annotated[
        tuple[str, ...],
        Field(description='names by which it may be called, beside `localhost` and addresses: `["graph.example"]`'),
    ] = ()
    origins: Annotated[
        tuple[str, ...],
        Field(description='pages of other servers that may ask: `["https://board.example"]`'),
    ] = ()
    rate: Annotated[
        float, Ge(1), Le(10_000), Field(description="requests a second of one address, twice that at once")
    ] = 50.0
    subscribers: Annotated[int, Ge(1), Le(1000), Field(description="most who follow the events at once")] = 64
    backlog: Annotated[
        int, Ge(10_000), Le(1_000_000_000), Field(description="bytes of events that may wait for one subscriber")
    ] = 4_000_000
    recent: Annotated[
        int, Ge(10_000), Le(1_000_000_000), Field(description="bytes of events kept for who comes back (`after`)")
    ] = 8_000_000
    explain: Annotated[
        int,
        Ge(0),
        Le(100_000_000_000),
        Field(description="bytes of what the last ticks moved that are kept for `/api/explain`; 0: none"),
    ] = 64_000_000
    share: Annotated[
        float,
        Ge(0),
        Le(1),
        Field(description="share of a tick's strides that subscribers are sent, beside the 20 of most phi"),
    ] = 0.1

    @field_validator("token_file")
    @classmethod
    def _holds_a_token(cls, path: Path | None) -> Path | None:
        return _holding("token", path)

    @field_validator("token")
    @classmethod
    def _of_the_file(cls, token: SecretStr, info: ValidationInfo) -> SecretStr:
        found = _secret(token, info.data.get("token_file"), "serve", "token_file")
        if found and not re.fullmatch(r"[A-Za-z0-9._~+-]{16,500}", found):
            raise ValueError("it is not of 16 to 500 letters, digits or any of . _ ~ + -")
        return SecretStr(found)


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
    consolidation: parameters.Consolidation = parameters.Consolidation()
    resistance: parameters.Resistance = parameters.Resistance()
    weight_decay: parameters.WeightDecay = parameters.WeightDecay()
    threshold: parameters.Threshold = parameters.Threshold()
    criticality: parameters.Criticality = parameters.Criticality()
    stimulus: StimulusSettings = StimulusSettings()
    pace: parameters.Pace = parameters.Pace()
    resident: ResidentSettings = ResidentSettings()
    recall: RecallSettings = RecallSettings()
    lease: LeaseSettings = LeaseSettings()
    events: EventsSettings = EventsSettings()
    record: RecordSettings = RecordSettings()
    health: HealthSettings = HealthSettings()
    serve: ServeSettings = ServeSettings()

    @model_validator(mode="before")
    @classmethod
    def _parse_json(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read lists and tables, which the environment carries as JSON."""
        return {
            name: {k: v if k in SECRETS else _json(v) for k, v in group.items()}
            if isinstance(group, dict) and name != "neo4j"
            else group
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
            raise SettingsError(_lines(error), REFERENCE) from None
        except (UnreadableError, RecursionError) as error:  # a whole group in one variable, which may hold the password
            named = re.findall(r'field "(\w+)"', str(error)) or [
                n for n in cls.model_fields if variable(n) in os.environ
            ]
            raise SettingsError(f"{', '.join(map(variable, named))}: it is no JSON object", REFERENCE) from None

    @property
    def physics(self) -> parameters.Parameters:
        """The groups that the physics takes, as one value."""
        groups = dataclasses.fields(parameters.Parameters)
        return parameters.Parameters(**{group.name: getattr(self, group.name) for group in groups})


def _json(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            return value
    return value


def variable(*path: str) -> str:
    """Return the environment variable of a setting, e.g. `variable("tick", "alpha")`."""
    return PREFIX + "__".join(path).upper()


def assigned(texts: Iterable[str]) -> dict[str, Any]:
    """Return changes as `Settings.read` takes them, from texts such as `select.topk=8`.

    A value is written as in its variable; a text may also stand in JSON's quotation marks. Raises SettingsError.
    """
    known = {".".join(path) for path in _paths(Settings)}
    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        group, _, name = key.partition(".")
        if not equals:
            raise SettingsError(f"{text!r}: it is not KEY=VALUE", "for example: select.topk=8")
        if key not in known:
            raise SettingsError(f"{key}: there is no such setting", _nearest(key, known))
        if name:
            changes.setdefault(group, {})[name] = _unquoted(value)
        else:
            changes[group] = _unquoted(value)
    return changes


def check_known(changes: Mapping[str, Any], groups: Iterable[str]) -> None:
    """Refuse changes that are no tables of settings of these groups. Raises SettingsError."""
    known = {".".join(path) for path in _paths(Settings) if path[0] in groups}
    for group, values in changes.items():
        names = [f"{group}.{name}" for name in values] if isinstance(values, dict) else [group]
        for name in names:
            if name not in known:
                raise SettingsError(
                    f"{name}: there is no such setting, or none that a tick depends on", _nearest(name, known)
                )


def _unquoted(value: str) -> str:
    try:
        found = json.loads(value) if value.startswith('"') else value
    except json.JSONDecodeError:
        return value
    return found if isinstance(found, str) else value


def _paths(cls: type[Settings]) -> set[tuple[str, ...]]:
    """Return the path of every setting, e.g. ("tick", "alpha")."""
    paths: set[tuple[str, ...]] = set()
    for name, info in cls.model_fields.items():
        inner = (
            getattr(info.annotation, "model_fields", None)
            or getattr(info.annotation, "__dataclass_fields__", None)
            or {}
        )
        paths |= {(name, key) for key in inner} or {(name,)}
    return paths


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else REFERENCE


def _refuse_unknown(cls: type[Settings]) -> None:
    known = {variable(*part) for path in _paths(cls) for part in (path, path[:1])}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name}: there is no such setting", _nearest(name, known))
        if name.startswith(PREFIX) and not _is_text(os.environ[name]):
            raise SettingsError(f"{name}: it is not UTF-8", REFERENCE)


def _is_text(value: str) -> bool:
    """Say whether a text can be sent to a database: bytes that are not UTF-8 come from outside as half surrogate pairs."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


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
    """Return a value as it is told of: no password, its beginning where it is long."""
    if set(SECRETS) & set(path) or path in (["neo4j"], ["serve"]):
        return "(not shown)"
    whole = repr(value)
    if path == ["neo4j", "uri"] and "@" in whole:
        whole = f"'(not shown){whole[whole.rindex('@') :]}"
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}…"
