"""A TCP relay between two processes that can stop forwarding, or cut its connections, like a network."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Target = int | Path
"""A port of this machine, or a Unix socket."""


class Relay:
    """Listens on a free port of loopback and forwards each connection to the target. Runs in a thread of its own.

    Frozen, it keeps every connection open and forwards nothing. Cut, it resets every connection, also new ones.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._is_cut = False
        self._forwards = asyncio.Event()
        self._forwards.set()
        self._server = self._call(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        self._run(self._forwards.clear)

    def cut(self) -> None:
        self._run(self._cut)

    def resume(self) -> None:
        self._run(self._resume)

    def stop(self) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _run(self, act: Callable[[], None]) -> None:
        async def run() -> None:
            act()

        self._call(run())

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def _cut(self) -> None:
        self._is_cut = True
        for connection in self._connections:
            connection.transport.abort()

    def _resume(self) -> None:
        self._is_cut = False
        self._forwards.set()

    async def _stop(self) -> None:
        self._server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.ExitStack() as ended:
            self._keep(writer, ended)
            await self._forwards.wait()
            with contextlib.suppress(OSError):
                far_reader, far_writer = await self._connect()
                self._keep(far_writer, ended)
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    def _keep(self, writer: asyncio.StreamWriter, ended: contextlib.ExitStack) -> None:
        """Keep the connection until the block ends, and reset it then. Reset it now if the relay is cut."""
        self._connections.add(writer)
        ended.callback(self._connections.discard, writer)
        ended.callback(writer.transport.abort)
        if self._is_cut:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward what is read until the end, and then the end."""
        while data := await reader.read(65_536):
            await self._forwards.wait()
            writer.write(data)
            await writer.drain()
        await self._forwards.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()
