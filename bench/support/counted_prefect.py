"""A Prefect server of its own, reached through a proxy that counts the requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from adapters.orchestration.prefect_server import PrefectServer
from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.system.network import find_free_port
from bench.support.counting_proxy import counting_proxy

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
        try:
            assert asyncio.run(wait_until_healthy(server.health_url)), (Path(folder) / "output").read_text()
            with (
                _proxy(server.api_url) as (api_url, paths),
                httpx.Client(base_url=server.api_url, auth=("headgate", "bench"), timeout=30, trust_env=False) as http,
            ):
                yield CountedPrefect(api_url, server.auth_string, http, paths)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def _proxy(url: str) -> Iterator[tuple[str, list[str]]]:
    """Run the proxy in a thread until the block ends. Yield its URL, and the paths of the requests."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = counting_proxy(url)
    try:
        yield asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(_STOP_SECONDS)
    finally:
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(None, None, None), loop).result(_STOP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_SECONDS)
        loop.close()
