"""One local server: where it lies, up, down, status."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import platformdirs
from pydantic import SecretStr
from rich.progress import Progress

from worker.database import conf, lock, process
from worker.database.artifacts import fetch_all, intact
from worker.database.files import locked, using, write
from worker.errors import DatabaseError
from worker.settings import DatabaseSettings, Neo4jSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psutil

    from worker.database.artifacts import Artifact

START_SECONDS = 300  # on a machine that is busy with other things it has taken two minutes
STOP_SECONDS = 60
FIRST_PORT = 7687
LAST_PORT = 7786
LOG_LINES = 15


@dataclass(frozen=True)
class ServerStatus:
    """What there is to say about a local server; the password itself is only in its file."""

    running: bool
    ready: bool
    version: str
    uri: str
    user: str
    password_file: str
    pid: int | None
    home: str
    log: str
    java: str


def _no_bars() -> Progress:
    return Progress(disable=True)


class LocalServer:
    """A Neo4j Community server of one version, in one folder, as a process on this machine.

    `jars` names another server's `jars` folder, so that a throw-away server has nothing to fetch.
    Raises DatabaseError for a version that there is no lock for.
    """

    def __init__(self, settings: DatabaseSettings, jars: Path | None = None) -> None:
        root = settings.home or platformdirs.user_data_path("stridegraph")
        self.settings = settings
        self.home = root.expanduser().absolute() / "neo4j" / settings.version
        self.jars = jars or self.home / "lib"
        self._artifacts = lock.read(settings.version)
        run = self.home / "run"
        self.password_file = run / "password"
        self.log = run / "server.log"
        self._lock = run / "lock"
        self._state = run / "server.json"
        self._arguments = run / "java.args"

    def up(self, say: Callable[[str], None], bars: Callable[[], Progress] = _no_bars) -> Neo4jSettings:
        """Start the server where it does not run, wait until it answers, and return how to connect.

        `say` gets a line for each step that takes time; `bars` makes the progress bar of the first fetch.
        Raises DatabaseError: it could not be fetched or started, and why.
        """
        with using(self.home), locked(self._lock, say):
            server = self._process()
            if server:
                self._wait(server)
            else:
                self.fetch(say, bars)
                self._prepare()
                self._start(say)
            password = SecretStr(self.password_file.read_text().strip())
            return Neo4jSettings(uri=self.uri, user=conf.USER, password=password, database="neo4j")

    def fetch(self, say: Callable[[str], None], bars: Callable[[], Progress] = _no_bars) -> None:
        """Fetch every jar that is missing, or is not the one that the lock names; `up` does it too."""
        if not self._damaged_or_missing():
            return
        with locked(self.jars / ".lock", say):
            wanted = self._damaged_or_missing()
            for each in wanted:
                if (self.jars / each.filename).exists():
                    say(f"{each.filename} is not the file that the lock names: fetching it again")
            say(
                f"fetching Neo4j {self.settings.version}: {len(wanted)} of {len(self._artifacts)} files (150 MB in all)"
            )
            with bars() as bar:
                task = bar.add_task("fetch", total=len(wanted))
                fetch_all(wanted, self.jars, done=lambda: bar.advance(task))

    def down(self) -> bool:
        """Stop the server; return False where none ran. Raises DatabaseError where it had to be killed."""
        if not self._lock.exists():
            return False
        with using(self.home), locked(self._lock, say=lambda _: None):
            server = self._process()
            if not server:
                return False
            if process.stop(server, STOP_SECONDS):
                return True
        message = f"Neo4j (pid {server.pid}) did not stop within {STOP_SECONDS} s and was killed"
        raise DatabaseError(message, f"nothing committed is lost, the next start recovers it; see {self.home / 'logs'}")

    def status(self) -> ServerStatus:
        """Return whether it runs, and where everything is. Raises DatabaseError where there is no Java for it."""
        server = self._process()
        return ServerStatus(
            running=server is not None,
            ready=server is not None and self._ready(server),
            version=self.settings.version,
            uri=self.uri,
            user=conf.USER,
            password_file=str(self.password_file),
            pid=server.pid if server else None,
            home=str(self.home),
            log=str(self.log),
            java=str(conf.java(self.settings.version)),
        )

    @property
    def uri(self) -> str:
        """Return where it listens, or did last; empty where it never has."""
        port = self._saved("port")
        return f"bolt://{process.LOOPBACK}:{port}" if port else ""

    def _saved(self, key: str) -> int:
        """Return the pid or the port of the last start, 0 where there is none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads(self._state.read_text())[key])
        return 0

    def _process(self) -> psutil.Process | None:
        pid = self._saved("pid")
        return process.find(pid, self._arguments) if pid else None

    def _damaged_or_missing(self) -> list[Artifact]:
        """Return what is not there as the lock names it. Reading every byte takes a quarter of a second."""
        return [each for each in self._artifacts if not intact(each, self.jars)]

    def _prepare(self) -> None:
        """Make the folders and, before the very first start, the password."""
        data = self.home / "data"
        for folder in (self.home / "conf", data / "dbms", self.home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        if self.password_file.exists():
            return
        if (data / "databases").exists():
            remedy = f"restore the file, or move {data} away to begin with an empty database"
            raise DatabaseError(f"the password of this server's data is gone: {self.password_file}", remedy)
        password = conf.new_password()
        write(data / "dbms" / "auth.ini", conf.auth_ini(password))
        write(self.password_file, password + "\n")

    def _start(self, say: Callable[[str], None]) -> None:
        """Start it on the first port that it gets: another server may be quicker to one that was free a moment ago."""
        java = conf.java(self.settings.version)
        for port in self._ports():
            say(f"starting Neo4j {self.settings.version} on port {port}")
            try:
                return self._launch(java, port)
            except DatabaseError:
                if self.settings.port or process.is_free(port):
                    raise
        message = f"no port is free from {FIRST_PORT} to {LAST_PORT}"
        raise DatabaseError(message, "set STRIDE_DATABASE__PORT to one that is")

    def _ports(self) -> Iterator[int]:
        """Yield the port of the settings; where that is 0, the one of the last start, then others, each while free."""
        wanted = self.settings.port
        if wanted and not process.is_free(wanted):
            remedy = "set STRIDE_DATABASE__PORT to a free one, or to 0 for the first free one"
            raise DatabaseError(f"port {wanted} is in use by another program", remedy)
        last = self._saved("port") or FIRST_PORT
        yield from filter(process.is_free, [wanted] if wanted else [last, *range(FIRST_PORT, LAST_PORT + 1)])

    def _launch(self, java: Path, port: int) -> None:
        version, memory = self.settings.version, self.settings.memory
        write(self.home / "conf" / "neo4j.conf", self._configuration(port))
        write(self._arguments, conf.java_arguments(version, memory, self.home, self._classpath()))
        write(self.log, "")
        server = process.spawn(java, self._arguments, self.log)
        write(self._state, json.dumps({"pid": server.pid, "port": port}))
        self._wait(server)

    def _configuration(self, port: int) -> str:
        return conf.neo4j_conf(self.settings.version, port, self.settings.memory)

    def _classpath(self) -> list[Path]:
        return [self.jars / each.filename for each in self._artifacts]

    def _ready(self, server: psutil.Process) -> bool:
        port = self._saved("port")
        return process.listens(server, port) and process.answers(port)

    def _wait(self, server: psutil.Process) -> None:
        """Wait until the server answers. Raises DatabaseError, with the end of its log, where it never does."""
        deadline = time.monotonic() + START_SECONDS
        while not self._ready(server):
            if not process.alive(server):
                raise self._failure("ended while it started")
            if time.monotonic() > deadline:
                process.stop(server, STOP_SECONDS)
                raise self._failure(f"did not answer within {START_SECONDS} s and was stopped")
            time.sleep(0.1)

    def _failure(self, what: str) -> DatabaseError:
        tail = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        lines = (f"Neo4j {self.settings.version} {what}; its log ends with:", *(f"    {line}" for line in tail))
        return DatabaseError("\n".join(lines), f"more is in {self.home / 'logs'}")


def local_server(settings: DatabaseSettings, jars: Path | None = None) -> LocalServer:
    """Return the local server of the settings; it is not started yet. Raises DatabaseError for an unknown version."""
    return LocalServer(settings, jars)
