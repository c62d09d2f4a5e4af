"""What a viewer gets begins where it was told to."""

import asyncio

import pytest

from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.event_hub import EventHub


async def test_a_viewer_begins_where_the_reader_began_whatever_was_published_since() -> None:
    hub = EventHub()
    with hub.subscribe() as viewer:
        place = asyncio.create_task(viewer.wait_for_start_cursor())
        await asyncio.sleep(0)
        hub.set_cursor("at 1")
        hub.publish(ChangeBatch((), "at 2"))

        assert await place == "at 1"
        assert (await viewer.next_batch(1)).cursor == "at 2"  # type: ignore[union-attr]


async def test_a_viewer_that_comes_later_begins_where_the_last_batch_ended() -> None:
    hub = EventHub()
    hub.set_cursor("at 1")
    hub.publish(ChangeBatch((), "at 2"))

    with hub.subscribe() as viewer:
        assert await viewer.wait_for_start_cursor() == "at 2"


async def test_a_viewer_of_a_process_that_stops_has_no_place() -> None:
    hub = EventHub()
    with hub.subscribe() as viewer:
        place = asyncio.create_task(viewer.wait_for_start_cursor())
        await asyncio.sleep(0)
        hub.close()

        with pytest.raises(EOFError):
            await place
