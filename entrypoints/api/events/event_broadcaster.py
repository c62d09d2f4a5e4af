"""Live events for viewers: first the stored ones, then each batch of the hub, without a gap or a repetition."""

from collections.abc import AsyncGenerator
from functools import partial

from application.ports.queries.change_feed import ChangeFeed
from application.ports.queries.reader import Reader
from application.services.feed.event_hub import EventHub
from entrypoints.api.events.event_encoding import EncodedBatchCache, encode_event, encode_events
from entrypoints.http.streaming.event_stream import HEARTBEAT_SECONDS, SSE_PING
from entrypoints.http.streaming.shared_queries import SharedQueries
from entrypoints.http.streaming.stream_catch_up import PAGE_SIZE, StreamCatchUp, get_all_events, read_full_pages


class EventBroadcaster:
    """The streams of events; one per process."""

    def __init__(self, hub: EventHub, heartbeat: float = HEARTBEAT_SECONDS, page_size: int = PAGE_SIZE) -> None:
        self._hub = hub
        self._heartbeat = heartbeat
        self._page_size = page_size
        self._batches = EncodedBatchCache()
        self._queries = SharedQueries()

    async def stream_run_events(self, reader: Reader, run_id: int, after: int) -> AsyncGenerator[bytes, None]:
        """Yield the run's events with seq > after. A gap in the hub's batches is filled from the database."""
        with self._hub.subscribe() as subscription:
            last_seq = after
            async for seq, chunk in self._read_history(reader, run_id, last_seq):
                last_seq = seq
                yield chunk
            while True:
                batch = await subscription.next_batch(self._heartbeat)
                if batch is None:
                    yield SSE_PING
                    continue
                new = [(seq, chunk) for seq, chunk in self._batches.get(batch).by_run.get(run_id, ()) if seq > last_seq]
                if new and new[0][0] > last_seq + 1:
                    async for seq, chunk in self._read_history(reader, run_id, last_seq):
                        last_seq = seq
                        yield chunk
                elif new:
                    last_seq = new[-1][0]
                    yield b"".join(chunk for _, chunk in new)

    async def _read_history(self, reader: Reader, run_id: int, after: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield pages of stored events, each with its last seq."""
        while True:
            page = await self._queries.run((run_id, after), partial(reader.events, run_id, after, self._page_size))
            if page:
                after = page[-1].seq
                yield after, b"".join(encode_event(event, event.seq) for event in page)
            if len(page) < self._page_size:
                return

    async def stream_all_events(self, feed: ChangeFeed, cursor: str | None) -> AsyncGenerator[bytes, None]:
        """Yield all events committed after the cursor, or from now on without one. The first line gives a new viewer its cursor."""
        if cursor is not None:
            async for page in read_full_pages(feed, cursor, self._page_size):
                cursor = page.cursor
                yield encode_events(get_all_events(page), cursor)
        with self._hub.subscribe() as subscription:
            hub_cursor = await subscription.wait_for_start_cursor()
            yield f"id: {cursor or hub_cursor}\n\n".encode()
            catch_up = await StreamCatchUp.load(feed, cursor or hub_cursor, hub_cursor, self._page_size)
            if catch_up.missed:
                yield encode_events(catch_up.missed, hub_cursor)
            while True:
                batch = await subscription.next_batch(self._heartbeat)
                if batch is None:
                    yield SSE_PING
                elif catch_up.is_caught_up:
                    yield self._batches.get(batch).all_events
                elif new := catch_up.take_new(batch):
                    yield encode_events(new, batch.cursor if catch_up.is_caught_up else None)
