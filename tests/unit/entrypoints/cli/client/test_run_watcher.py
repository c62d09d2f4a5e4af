"""A cancelled watch ends at once, wherever it was."""

from __future__ import annotations

import asyncio
import threading

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.client.run_watcher import RunWatcher
from entrypoints.cli.screens.line_screen import LineScreen
from tests.support.cli_stub_server import StubServer, a_run


async def test_a_watch_ends_if_it_is_cancelled_in_any_of_its_first_turns(stub_server: StubServer) -> None:
    stub_server.next_run = a_run(held=threading.Event())
    for turns in range(150):
        async with HeadgateClient(stub_server.url) as client:
            watch = asyncio.create_task(RunWatcher(client, 7, LineScreen()).watch_until_finished())
            for _ in range(turns):
                await asyncio.sleep(0)
            watch.cancel()
            await asyncio.wait({watch}, timeout=10)

        assert watch.cancelled(), turns


async def test_a_watch_ends_if_it_is_cancelled_while_it_waits_for_the_next_event(stub_server: StubServer) -> None:
    stub_server.next_run = run = a_run(held=threading.Event())
    async with HeadgateClient(stub_server.url) as client:
        watch = asyncio.create_task(RunWatcher(client, 7, LineScreen()).watch_until_finished())
        async with asyncio.timeout(20):
            while run.delivered < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)  # it shows the event and polls once more
        watch.cancel()
        await asyncio.wait({watch}, timeout=10)

    assert watch.cancelled()
