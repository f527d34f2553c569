"""One local server: where it lies, up, down, status."""

from __future__ import annotations

import fcntl
import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import platformdirs
from pydantic import SecretStr
from rich.progress import Progress

from worker.database import conf, lock, process
from worker.database.artifacts import fetch_all, intact, writing
from worker.errors import DatabaseError
from worker.settings import DatabaseSettings, Neo4jSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psutil

    Say = Callable[[str], None]

START_SECONDS = 120
STOP_SECONDS = 60
FIRST_PORT = 7687
PORTS = 100
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


class LocalServer:
    """A Neo4j Community server of one version in one folder, as a process on this machine."""

    def __init__(self, settings: DatabaseSettings, jars: Path | None = None) -> None:
        self.settings = settings
        self.home = (
            (settings.home or platformdirs.user_data_path("stridegraph")).absolute() / "neo4j" / settings.version
        )
        self.jars = jars or self.home / "lib"
        self._run = self.home / "run"
        self.password_file = self._run / "password"
        self.log = self._run / "server.log"
        self._state = self._run / "server.json"
        self._arguments = self._run / "java.args"

    def up(self, say: Say, bars: Callable[[], Progress] = lambda: Progress(disable=True)) -> Neo4jSettings:
        """Start the server where it does not run, wait until it answers, and return how to connect.

        `say` gets a line for what takes time, `bars` makes the progress bar of the first fetch. Raises DatabaseError.
        """
        with writing(self.home), _locked(self._run / "lock", say):
            server = self._process()
            if server is None:
                self._fetch(say, bars)
                self._start(say)
            else:
                self._wait(server)
            return self._connection()

    def down(self) -> bool:
        """Stop the server; return False where none ran. Raises DatabaseError where it had to be killed."""
        if not self._run.exists():
            return False
        with writing(self.home), _locked(self._run / "lock"):
            server = self._process()
            if server is None:
                return False
            if not process.stop(server, STOP_SECONDS):
                message = f"Neo4j (pid {server.pid}) did not stop within {STOP_SECONDS} s and was killed"
                raise DatabaseError(message, f"nothing committed is lost: the next start recovers it; see {self.log}")
            return True

    def status(self) -> ServerStatus:
        """Return whether it runs, and where everything is."""
        server = self._process()
        port = self._saved("port")
        return ServerStatus(
            running=server is not None,
            ready=server is not None and process.listens(server, port) and process.answers(port),
            version=self.settings.version,
            uri=_uri(port) if port else "",
            user=conf.USER,
            password_file=str(self.password_file),
            pid=server.pid if server else None,
            home=str(self.home),
            log=str(self.log),
            java=str(conf.java(self.settings.version)),
        )

    def _saved(self, key: str) -> int:
        """Return the pid or the port of the last start, 0 where there is none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads(self._state.read_text())[key])
        return 0

    def _process(self) -> psutil.Process | None:
        pid = self._saved("pid")
        return process.find(pid, self._arguments) if pid else None

    def _connection(self) -> Neo4jSettings:
        password = SecretStr(self.password_file.read_text().strip())
        return Neo4jSettings(uri=_uri(self._saved("port")), user=conf.USER, password=password, database="neo4j")

    def _fetch(self, say: Say, bars: Callable[[], Progress]) -> None:
        """Fetch every jar that is missing, or is not the one that the lock names."""
        with _locked(self.jars / ".lock", say):
            missing = [each for each in lock.read(self.settings.version) if not intact(each, self.jars)]
            for each in missing:
                if (self.jars / each.filename).exists():
                    say(f"{each.filename} is not the file that the lock names: fetching it again")
            if missing:
                say(f"fetching Neo4j {self.settings.version}: {len(missing)} jars into {self.jars}")
                with bars() as bar:
                    task = bar.add_task("fetch", total=len(missing))
                    fetch_all(missing, self.jars, lambda: bar.advance(task))

    def _start(self, say: Say) -> None:
        """Start it on the first port that it gets."""
        java = conf.java(self.settings.version)
        self._prepare()
        for port in self._ports():
            say(f"starting Neo4j {self.settings.version} on {_uri(port)}")
            try:
                self._launch(java, port)
            except DatabaseError:
                if self.settings.port or process.is_free(port):
                    raise
            else:
                return
        message = f"no port is free from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
        raise DatabaseError(message, "name one: STRIDE_DATABASE__PORT")

    def _ports(self) -> Iterator[int]:
        """Yield the port of the settings; where none is set, that of the last start and then each that is free."""
        wanted = self.settings.port
        if wanted and not process.is_free(wanted):
            raise DatabaseError(
                f"port {wanted} is in use by another program", "set STRIDE_DATABASE__PORT to a free one, or to 0"
            )
        candidates = [wanted] if wanted else [self._saved("port") or FIRST_PORT, *range(FIRST_PORT, FIRST_PORT + PORTS)]
        yield from filter(process.is_free, candidates)

    def _prepare(self) -> None:
        """Make the folders and, before the very first start, the password."""
        for folder in (self.home / "conf", self.home / "data" / "dbms", self.home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        if self.password_file.exists():
            return
        if (self.home / "data" / "databases" / "system").exists():
            message = f"{self.password_file} is gone, and the data in {self.home} wants it"
            raise DatabaseError(message, f"restore the file, or move {self.home / 'data'} away to begin anew")
        password = conf.new_password()
        _write(self.home / "data" / "dbms" / "auth.ini", conf.auth_ini(password))
        _write(self.password_file, password + "\n")

    def _launch(self, java: Path, port: int) -> None:
        jars = [self.jars / each.filename for each in lock.read(self.settings.version)]
        _write(self.home / "conf" / "neo4j.conf", conf.neo4j_conf(self.settings.version, port, self.settings.memory))
        _write(self._arguments, conf.java_arguments(self.settings.version, self.settings.memory, self.home, jars))
        pid = process.spawn(java, self._arguments, self.log)
        _write(self._state, json.dumps({"pid": pid, "port": port}))
        server = process.find(pid, self._arguments)
        if server is None:
            raise self._failure("ended at once")
        self._wait(server)

    def _wait(self, server: psutil.Process) -> None:
        """Wait until the server answers. Raises DatabaseError, with the end of its log, where it never does."""
        port = self._saved("port")
        deadline = time.monotonic() + START_SECONDS
        while not (process.listens(server, port) and process.answers(port)):
            if self._process() is None:
                raise self._failure("ended while it started")
            if time.monotonic() > deadline:
                process.stop(server, STOP_SECONDS)
                raise self._failure(f"did not answer within {START_SECONDS} s and was stopped")
            time.sleep(0.1)

    def _failure(self, what: str) -> DatabaseError:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        message = "\n".join(
            (f"Neo4j {self.settings.version} {what}; the end of its log:", *(f"    {line}" for line in lines))
        )
        return DatabaseError(message, f"more is in {self.home / 'logs'}")


def local_server(settings: DatabaseSettings, jars: Path | None = None) -> LocalServer:
    """Return the local server of the settings; `jars` shares another server's `jars` folder, so nothing is fetched."""
    return LocalServer(settings, jars)


def _uri(port: int) -> str:
    return f"bolt://{process.LOOPBACK}:{port}"


def _write(path: Path, text: str) -> None:
    """Write a file for this user's eyes, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)


@contextmanager
def _locked(path: Path, say: Say = lambda _: None) -> Iterator[None]:
    """Hold the lock of a folder; wait for another process that holds it. It falls with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is at it: waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
