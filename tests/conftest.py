"""The databases and the browser that tests run on, and the word on each at the end of the run.

`--databases embedded,container,5.26`: the local server, a container, and the older server. By default those that can be had
here: a container needs a Docker engine. Under CI all three are demanded, and chromium, and the run fails if one of them took
no test.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests import aot
from tests.container import neo4j as container
from tests.stores import MemoryStore, Neo4jStore, compile_kernels
from worker.database import conf
from worker.graph.connection import Connection
from worker.graph.memory import MemoryGraph
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.settings import DatabaseSettings

BROWSER = "chromium"
EMBEDDED, CONTAINER, OLDER = DATABASES = ("embedded", "container", "5.26")
MEMORY = "memory"
EMPTY = """
MATCH (n) WHERE none(l IN labels(n) WHERE l STARTS WITH '__Neo4j')
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS
"""
OLDER_VERSION = "5.26.30"
CI = bool(os.environ.get("CI"))
OWN = ("tests/integration/test_local_server.py", "tests/fault/test_server.py", "tests/acceptance/test_page.py")
DEATHS = tuple(f"tests/fault/test_{name}.py" for name in ("kill", "holders", "slow", "fleet", "clock"))
SERVED = ("container", "integration")  # suites whose every test needs a server, or starts one
PROPERTIES = ("property", "proofs")  # suites of single long tests
served: Counter[str] = Counter()
unserved: dict[str, str] = {}

# Servers of tests live for minutes: Java's quick compiler alone takes half the CPU, and starts them sooner.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

# Java says on standard output that this cache is not one of another program's, which Spark reads as an answer.
SILENT = "-Xlog:disable -Xlog:all=error:stderr"

settings.register_profile(
    "quick",
    max_examples=int(os.environ.get("EXAMPLES", "200")),
    derandomize=CI,  # the same examples for the same code: new ones are for `make test` and `make fault`
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("quick")


def pytest_addoption(parser):
    parser.addoption("--databases", default=",".join(DATABASES) if CI else "", help="embedded,container,5.26")


def pytest_configure(config):
    chosen = config.getoption("--databases")
    config.databases = chosen.split(",") if chosen else [EMBEDDED, OLDER]
    if not chosen and container.engine_answers():
        config.databases.insert(1, CONTAINER)
    elif not chosen:
        unserved[CONTAINER] = "there is no Docker engine here"


def pytest_sessionstart(session):
    """Do once what several processes would do at the same time: compile the kernels, have Java load the server."""
    if getattr(session.config.option, "numprocesses", None) and not hasattr(session.config, "workerinput"):
        with ThreadPoolExecutor() as beside:
            made = beside.submit(aot.cache)
            compile_kernels()
        os.environ["JDK_JAVA_OPTIONS"] += f" -XX:AOTCache={made.result()} {SILENT}"


def pytest_generate_tests(metafunc):
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", _databases(metafunc), indirect=True)
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", [MEMORY, *_databases(metafunc)], indirect=True)


def _databases(metafunc):
    """Return the first database, and for what is marked `smoke` the others."""
    first, *others = metafunc.config.databases
    return [first, *(others if metafunc.definition.get_closest_marker("smoke") else ())]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give what needs servers to as many processes as there are kinds of it; the rest, in small pieces, to whoever has room."""

    class ByServer(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path, _, name = nodeid.partition("::")
            asked = set(name.partition("[")[2].rstrip("]").split("-"))
            if path == "tests/fault/test_soak.py":
                return "1 soak"
            if path == "tests/integration/test_spark_wordnet.py":
                return "1 wordnet"
            if path in OWN:
                return "2 servers of their own"
            if path.startswith("tests/fault/") and asked & set(DATABASES):
                return "3 faults" if path in DEATHS else "4 other faults"
            suite = path.split("/")[1]
            if suite == "acceptance":
                return "6 acceptance"
            if suite in SERVED or asked & set(DATABASES):
                return "5 servers"
            return nodeid if suite in PROPERTIES else path

        def _assign_work_unit(self, node):
            numbered = sorted(scope for scope in self.workqueue if scope[0].isdigit())
            for scope in reversed(numbered):
                self.workqueue.move_to_end(scope, last=False)
            super()._assign_work_unit(node)

    return ByServer(config, log)


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """Start each database when a test first asks for it; stop all at the end."""
    started = {}
    with ExitStack() as stack:

        def serve(name):
            if name not in started:
                started[name] = _container(stack) if name == CONTAINER else _local(stack, name, tmp_path_factory)
            return started[name]

        yield serve


def _local(stack, name, tmp_path_factory):
    version = OLDER_VERSION if name == OLDER else DatabaseSettings().version
    server = aot.throwaway(tmp_path_factory.mktemp(name), version)
    stack.callback(server.down)
    as_shipped = conf.neo4j_conf
    with mock.patch.object(conf, "neo4j_conf", lambda *wanted: f"{as_shipped(*wanted)}{container.REPLAN}\n"):
        return server.up(say=print)


def _container(stack):
    return stack.enter_context(container.container())


@pytest.fixture
def database(request, servers):
    """How to connect to the database that this test runs on."""
    served[request.param] += 1
    return servers(request.param)


@contextmanager
def emptied(database):
    """Connect to a database, migrated and without nodes."""
    with Connection(database) as made:
        migrate(made)
        made.statement(EMPTY)
        yield made


@pytest.fixture
def connection(database):
    """A connection to an empty, migrated database."""
    with emptied(database) as made:
        yield made


@pytest.fixture
def store(request, servers):
    """An empty graph, in memory or in Neo4j, that a test can fill and look into."""
    if request.param == MEMORY:
        yield MemoryStore(MemoryGraph())
        return
    served[request.param] += 1
    with emptied(servers(request.param)) as made:
        yield Neo4jStore(Neo4jGraph(made, "default"))


@pytest.fixture
def graph(connection):
    """An empty graph in Neo4j."""
    return Neo4jGraph(connection, "default")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No test sees the settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("STRIDE_")]:
        monkeypatch.delenv(name)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Take in what a process of several has counted."""
    served.update(getattr(node, "workeroutput", {}).get("served", {}))


def pytest_terminal_summary(terminalreporter):
    for name in DATABASES:
        line = f"{served[name]} tests" if served[name] else f"NO TEST ({unserved.get(name, 'not asked for')})"
        terminalreporter.write_line(f"database {name}: {line}")
    line = f"{served[BROWSER]} tests" if served[BROWSER] else f"NO TEST ({_no_browser()})"
    terminalreporter.write_line(f"browser {BROWSER}: {line}")


def _no_browser():
    return "not asked for" if shutil.which(BROWSER) else "there is none here: apt-get install chromium"


def pytest_sessionfinish(session, exitstatus):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["served"] = dict(served)
        return
    missing = [name for name in (*DATABASES, BROWSER) if not served[name]]
    if (
        CI
        and missing
        and session.testscollected
        and not session.config.option.collectonly
        and not session.config.option.keyword
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if exitstatus == 0 else exitstatus
