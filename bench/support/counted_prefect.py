"""A Prefect server of its own, reached through a proxy that counts the requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from adapters.orchestration.prefect_server import PrefectServer
from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.system.network import find_free_port

_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (/\S+) HTTP/1\.1\r\n")
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class CountedPrefect:
    """`http` reaches the server directly. `paths` are those of the requests that came through `api_url`, in order."""

    api_url: str
    auth_string: str
    http: httpx.Client
    paths: list[str] = field(default_factory=list)


@contextmanager
def counted_prefect(postgres: EmbeddedPostgres) -> Iterator[CountedPrefect]:
    """Run Prefect's server on its database of this PostgreSQL until the block ends."""
    with tempfile.TemporaryDirectory(prefix="headgate-bench-", dir="/tmp") as folder:
        server = PrefectServer(Path(folder), find_free_port(), postgres.prefect_url(), "headgate:bench")
        with (Path(folder) / "output").open("wb") as output:
            process = subprocess.Popen(
                server.argv(), env=server.environment(os.environ), stdout=output, stderr=output, start_new_session=True
            )
        paths: list[str] = []
        try:
            assert asyncio.run(wait_until_healthy(server.health_url)), (Path(folder) / "output").read_text()
            with (
                _proxy(server.port, paths) as port,
                httpx.Client(base_url=server.api_url, auth=("headgate", "bench"), timeout=30, trust_env=False) as http,
            ):
                yield CountedPrefect(f"http://127.0.0.1:{port}/api", server.auth_string, http, paths)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def _proxy(target: int, paths: list[str]) -> Iterator[int]:
    """Forward connections to the target port, in a thread, until the block ends. Yield the proxy's port."""
    port, started = find_free_port(), threading.Event()
    end: list[Callable[[], object]] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if counts:
                    paths.extend(path.decode() for path in _REQUEST.findall(data))
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(forward(reader, requests, counts=True), forward(answers, writer, counts=False))

    async def run() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        end.append(lambda: loop.call_soon_threadsafe(stopped.set))
        server = await asyncio.start_server(serve, "127.0.0.1", port)
        started.set()
        await stopped.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    started.wait()
    try:
        yield port
    finally:
        end[0]()
        thread.join(_STOP_SECONDS)
