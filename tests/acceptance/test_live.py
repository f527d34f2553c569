"""`run` and `top --live`: on a terminal a table that changes, elsewhere lines."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.stores import Neo4jStore, fill
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
SOON = 120.0
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def read_until(ours, wanted):
    """Read what a terminal is sent until all of this was in it; return it without codes, and with them."""
    sent, end = "", time.monotonic() + SOON
    while not all(re.search(part, CODES.sub("", sent)) for part in wanted):
        assert time.monotonic() < end, CODES.sub("", sent)[-3000:]
        if select.select([ours], [], [], 1.0)[0]:
            sent += os.read(ours, 65_536).decode(errors="replace")
    return CODES.sub("", sent), sent


def test_a_table_on_a_terminal_and_lines_elsewhere(connection):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    store.node(id="\x1b[2Jwiped", energy=90.0)
    settings = connection.settings
    env = {
        **os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "50", "STRIDE_NEO4J__URI": settings.uri,
        "STRIDE_NEO4J__USER": settings.user, "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
        "STRIDE_PACE__FIXED": "0.2",
    }  # fmt: skip

    def started(*arguments, **more):
        return subprocess.Popen([sys.executable, "-m", "worker.cli", *arguments], env=env, **more)

    for command, wanted in (
        (["run"], [r"running +tick [2-9]", r"active +\d+", r"n0\d\d", r"worker\.state"]),
        (["top", "--live", "-n", "5"], [r"energy", r"n0\d\d"]),
    ):
        ours, its = pty.openpty()
        process = started(*command, stdin=its, stdout=its, stderr=its)
        os.close(its)
        try:
            text, sent = read_until(ours, wanted)
            process.send_signal(signal.SIGTERM)
            with suppress(OSError):  # the other end is closed when it has ended
                while process.poll() is None:
                    if select.select([ours], [], [], 0.1)[0]:
                        os.read(ours, 65_536)
            assert process.wait(SOON) == 0
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        assert "\x1b[?25l" in sent, "the cursor is hidden while a table is drawn"
        assert "\x1b[2J" not in sent
        assert r"\x1b[2Jwiped" in text

    with started("top", "--live", "-n", "3", stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert all(len(re.findall(r" \d+\.\d{3}\b", line)) == 3 for line in lines)
