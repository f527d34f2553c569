"""Several graphs over several processes: each works on its fair share, and graphs move as processes come and go.

A process makes itself known in the database, again and again, each time for as long as a lease lasts. From those that are
known, each works out by itself how many of the graphs are its own; it gives back what it has over that, and takes what nobody
holds. That decides only who tries: who may write is decided by each graph's own lease and fence (RELIABILITY).
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.errors import Fenced, ForeignChange, StrideError, Unreachable
from worker.process import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from worker.graph.roll import Roll
    from worker.health import Health
    from worker.loop import Worker

log = structlog.get_logger()


class Post(NamedTuple):
    """A worker at its graph, in a thread of its own."""

    worker: Worker
    end: Future[None]


class Fleet:
    """Works on this process's share of some graphs until it is told to stop.

    `man` makes a worker for a graph, one that ends where another process holds it, and closes what was opened for it.
    `prepare` is called before anything is read: it migrates, or refuses. Raises what `prepare` does, and once every graph's
    worker has failed, what the last of them raised.
    """

    def __init__(
        self,
        graphs: Sequence[str],
        roll: Roll,
        man: Callable[[str], AbstractContextManager[Worker]],
        *,
        prepare: Callable[[], object],
        ttl: float,
        health: Health,
    ) -> None:
        self.graphs = sorted(graphs)
        self.roll = roll
        self.man = man
        self.prepare = prepare
        self.ttl = ttl
        self.health = health
        self.posts: dict[str, Post] = {}  # in the order in which they were taken
        self.failed: dict[str, StrideError] = {}
        self._stop = threading.Event()

    def run(self) -> None:
        """Share, again and again, until stopped; then let every worker end."""
        with signals(self.stop), ThreadPoolExecutor(len(self.graphs), "stridegraph") as threads:
            try:
                while not self._stop.is_set():
                    self._try(threads)
                    self._stand_by(self.ttl / 4)
            finally:
                self._recall(list(self.posts))
        self.roll.leave()

    def stop(self) -> None:
        """Stop as soon as every transaction that is under way has ended."""
        self._stop.set()

    def _try(self, threads: ThreadPoolExecutor) -> None:
        """Share once; where the database is gone, the workers wait for it as well, each by itself."""
        try:
            self.prepare()
            self._share(threads)
        except (Unreachable, ForeignChange) as error:
            log.warning("fleet.waiting", why=str(error).splitlines()[0])

    def _stand_by(self, seconds: float) -> None:
        """Wait; the graphs that others hold are waited for, those that nobody can work on here are not."""
        for graph in self.graphs:
            if graph not in self.posts:
                self.health.beat(graph, seconds, "failed" if graph in self.failed else "waiting for lease")
        self._stop.wait(seconds)

    def _share(self, threads: ThreadPoolExecutor) -> None:
        """Give back what is over this process's share, and take what nobody holds."""
        self._look()
        mine = share(len(self.graphs), *self.roll.call(self.graphs, self.ttl))
        self._recall(list(self.posts)[mine:])
        missing = [graph for graph in self.graphs if graph not in self.posts and graph not in self.failed]
        for graph in self.roll.free(missing)[: mine - len(self.posts)]:
            try:
                self.posts[graph] = self._send(graph, threads)
            except StrideError as error:
                self._give_up(graph, error)

    def _send(self, graph: str, threads: ThreadPoolExecutor) -> Post:
        """Send a worker to a graph; what it has open is closed when it ends."""
        with ExitStack() as stack:
            worker = stack.enter_context(self.man(graph))
            opened = stack.pop_all()

        def work() -> None:
            with opened:
                worker.run()

        return Post(worker, threads.submit(work))

    def _look(self) -> None:
        """Take note of workers that have ended: whoever was fenced may hold its graph again, whoever failed may not."""
        for graph, post in list(self.posts.items()):
            if not post.end.done():
                continue
            del self.posts[graph]
            try:
                post.end.result()
            except Fenced as error:
                log.warning("fleet.fenced", graph=graph, why=str(error).splitlines()[0])
            except StrideError as error:
                self._give_up(graph, error)

    def _give_up(self, graph: str, error: StrideError) -> None:
        """Leave a graph alone from now on; where it was the last, the process ends by its error."""
        self.failed[graph] = error
        log.error("fleet.failed", graph=graph, why=str(error))
        if len(self.failed) == len(self.graphs):
            raise error

    def _recall(self, graphs: Sequence[str]) -> None:
        """Stop the workers at these graphs, all at once, and wait until they have given them back."""
        for graph in graphs:
            self.posts[graph].worker.stop()
        for graph in graphs:
            self.posts[graph].end.exception()
        self._look()


def share(graphs: int, rank: int, processes: int) -> int:
    """Return how many graphs are those of the process of this rank: the first ones have one more where they do not divide."""
    return graphs // processes + (rank < graphs % processes)
