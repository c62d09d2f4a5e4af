"""Each failure of the HTTP transport is an error of httpx, however early the server closes the connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest
import uvloop

from adapters.http_transport import HttpTransport

MAX_STEPS = 20
"""Steps of the event loop after which the connection is open and the request is sent."""


async def send_until_closed(steps: int) -> None:
    """Send a request to a server that accepts no connection and closes after so many steps of the event loop."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        request = httpx.Request("GET", f"http://127.0.0.1:{server.getsockname()[1]}")
        async with HttpTransport(trust_env=False) as transport:
            sending = asyncio.create_task(transport.handle_async_request(request))
            for _ in range(steps):
                await asyncio.sleep(0)
            server.close()
            await sending


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("steps", range(MAX_STEPS))
def test_a_connection_that_ends_early_fails_the_request(loop_factory: Callable[[], asyncio.AbstractEventLoop], steps: int) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner, pytest.raises(httpx.HTTPError):
        runner.run(send_until_closed(steps))
