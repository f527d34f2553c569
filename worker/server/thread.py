"""The thread that serves, and the socket that it listens on. Whatever becomes of it, ticks go on."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Self

import structlog
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from worker.errors import SettingsError
from worker.server.follow import ABORT
from worker.settings import variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp

    from worker.server.hub import Hub
    from worker.settings import ServeSettings

SPARE = 64  # connections beside those of subscribers
REQUEST = 10.0  # seconds within which a connection must bring a whole request
STUCK = 5.0  # seconds after which a connection that cannot even be closed is cut
SENT = 262_144  # bytes that the kernel may hold of what a connection was sent
STOP = 3  # seconds that requests are given to end
START = 20.0  # seconds within which the thread must begin to listen

log = structlog.get_logger()


class Listener:
    """Serves an application as long as it is entered; `ended` is called when its thread has ended.

    Raises SettingsError where it cannot listen, or must not.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeSettings,
        hubs: Sequence[Hub] = (),
        ended: Callable[[], object] = lambda: None,
    ) -> None:
        self._ended = ended
        self._hubs = hubs
        self._socket = _listening(settings)
        logging.getLogger("uvicorn").propagate = False  # it is told of here, by lines of our own
        self._server = Server(
            Config(
                app,
                http=_Http,
                ws=_Socket,
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=settings.subscribers + SPARE,
                timeout_graceful_shutdown=STOP,
                ws_max_size=4096,
                ws_per_message_deflate=False,
            )
        )
        self._thread = threading.Thread(target=self._work, name="stridegraph-serve", daemon=True)
        self.over = threading.Event()  # the thread has ended
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        log.info("serve.listening", url=self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(2.0 * STOP)
        self._socket.close()

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  (it ends here, whatever it is, and the ticks go on)
            log.error("serve.ended", why=f"{type(error).__name__}: {error}")  # noqa: TRY400
        finally:
            self._socket.close()  # who asks from now on is refused, and does not wait for ever
            for hub in self._hubs:
                hub.end()
            self.over.set()
            self._ended()

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        taking = [asyncio.create_task(hub.run()) for hub in self._hubs]
        done, _ = await asyncio.wait({serving, *taking}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


class _Http(H11Protocol):
    """A connection that must not dawdle: one that brings no whole request in time would keep its place for ever."""

    late = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop.call_later(REQUEST, self._look)

    def _look(self) -> None:
        """Close it where it has been in the midst of a request's beginning at two looks in a row."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        waits = self.cycle is None or (self.cycle.response_complete and self.timeout_keep_alive_task is None)
        if waits and (self.late or self.cycle is None):
            self.transport.close()
            return
        self.late = waits
        self.loop.call_later(REQUEST, self._look)


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that can be cut where the other side takes nothing, not even its end."""

    def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, {**app_state, ABORT: self._abort}, _loop)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(STUCK, self._abort)

    def _abort(self) -> None:
        self.transport.abort()


def _listening(settings: ServeSettings) -> socket.socket:
    """Return a socket that listens where the settings say."""
    host, port = settings.host, settings.port
    where = f"{variable('serve', 'host')} = {host}, {variable('serve', 'port')} = {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not ip_address(str(address[0]).partition("%")[0]).is_loopback and not settings.token.get_secret_value():
            message = f"{variable('serve', 'host')} = {host}: other machines reach it, and there is no token"
            raise SettingsError(message, f"set {variable('serve', 'token_file')}; see docs/how-to/secure.md")
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}", "name an address of this machine") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"{where}: {error.strerror}", "choose another port by --port; 0 is any that is free"
        ) from None
    return listening
