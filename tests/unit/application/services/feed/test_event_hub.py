"""Where a viewer's subscription starts."""

import asyncio

import pytest

from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.event_hub import EventHub


async def test_a_viewer_starts_where_the_reader_started() -> None:
    hub = EventHub()
    with hub.subscribe() as viewer:
        cursor = asyncio.create_task(viewer.wait_for_start_cursor())
        await asyncio.sleep(0)
        hub.set_cursor("at 1")
        hub.publish(ChangeBatch((), "at 2"))

        assert await cursor == "at 1"
        assert (await viewer.next_batch(1)).cursor == "at 2"  # type: ignore[union-attr]


async def test_a_later_viewer_starts_at_the_end_of_the_last_batch() -> None:
    hub = EventHub()
    hub.set_cursor("at 1")
    hub.publish(ChangeBatch((), "at 2"))

    with hub.subscribe() as viewer:
        assert await viewer.wait_for_start_cursor() == "at 2"


async def test_a_viewer_of_a_stopping_process_has_no_start_cursor() -> None:
    hub = EventHub()
    with hub.subscribe() as viewer:
        cursor = asyncio.create_task(viewer.wait_for_start_cursor())
        await asyncio.sleep(0)
        hub.close()

        with pytest.raises(EOFError):
            await cursor
