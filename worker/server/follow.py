"""One who follows the events, from when it is let in until it leaves or is cut off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from worker.server.hub import Follower, Hub

ABORT = "abort"  # in the connection's state: what ends it though nothing can be sent any more
TOO_SLOW = (1013, "too slow even for frames: come back with ?after=")
ONLY_LISTEN = (1008, "followers only listen")


async def follow(socket: WebSocket, hub: Hub, kinds: frozenset[str], after: int | None) -> tuple[int, str] | None:
    """Send what there is until the other side leaves; else return the code and the reason to cut it off with."""
    follower = hub.follow(kinds, after)
    tasks = {
        asyncio.create_task(_send(socket, hub, follower)),
        asyncio.create_task(_listen(socket)),
        asyncio.create_task(_overflow(follower)),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        hub.leave(follower)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(socket: WebSocket, hub: Hub, follower: Follower) -> None:
    """Send messages as fast as the other side takes them."""
    try:
        while True:
            lost, text = follower.backlog.take()
            if lost:
                await socket.send_text(hub.lost(lost))
            if text:
                await socket.send_text(text)
            else:
                await follower.news.wait()
                follower.news.clear()
    except (WebSocketDisconnect, RuntimeError):  # it has left meanwhile
        return


async def _listen(socket: WebSocket) -> tuple[int, str] | None:
    """Wait until the other side leaves, or says something."""
    message = await socket.receive()
    return None if message["type"] == "websocket.disconnect" else ONLY_LISTEN


async def _overflow(follower: Follower) -> tuple[int, str]:
    """Wait until more is to be sent than may wait."""
    await follower.overflow.wait()
    return TOO_SLOW
