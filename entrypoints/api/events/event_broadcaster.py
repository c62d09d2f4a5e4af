"""What flows to viewers: history first, then what the hub brings, without a gap or a repeat."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.ports.queries.reader import Reader
from application.queries.views.events import EventView
from application.queries.views.logs import LogLineView
from application.services.feed.event_hub import EventHub
from application.services.feed.subscription import Subscription
from entrypoints.api.shared.presenters import event_json, line_json
from entrypoints.http.json_response import encode_json
from entrypoints.http.streaming.event_stream import HEARTBEAT_SECONDS, SSE_PING
from entrypoints.http.streaming.stream_catch_up import PAGE_SIZE, StreamCatchUp, read_full_pages

MAX_CACHED_BATCHES = 512


def message(event: EventView, cursor: str | int | None) -> bytes:
    """One server-sent event; without a cursor it leaves the viewer's place where it was."""
    place = f"id: {cursor}\n" if cursor is not None else ""
    return f"{place}event: {event.type}\ndata: ".encode() + encode_json(event_json(event)) + b"\n\n"


@dataclass(slots=True)
class EncodedBatch:
    """A batch as bytes: all of it with the feed's cursor on the last event, and each run's events by seq."""

    batch: ChangeBatch
    whole: bytes
    by_run: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: ChangeBatch) -> "EncodedBatch":
        made = cls(batch, everything(batch.events, batch.cursor))
        for event in batch.events:
            made.by_run.setdefault(event.run_id, []).append((event.seq, message(event, event.seq)))
        return made


def everything(events: Sequence[EventView], cursor: str | None) -> bytes:
    last = len(events) - 1
    return b"".join(message(event, cursor if index == last else None) for index, event in enumerate(events))


class EventBroadcaster:
    """One a process. Batches are encoded once and shared; a question that many viewers ask at once is asked once."""

    def __init__(self, hub: EventHub, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._hub = hub
        self._heartbeat = heartbeat
        self._encoded: OrderedDict[int, EncodedBatch] = OrderedDict()
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    def encode_json(self, batch: ChangeBatch) -> EncodedBatch:
        known = self._encoded.get(id(batch))
        if known is None:
            known = self._encoded[id(batch)] = EncodedBatch.of(batch)  # keeps the batch, so its id stays its own
            if len(self._encoded) > MAX_CACHED_BATCHES:
                self._encoded.popitem(last=False)
        return known

    async def stream_run_events(self, reader: Reader, run_id: int, after: int) -> AsyncGenerator[bytes, None]:
        """A run's events with seq > after. A hole in what the hub brings is filled from the store."""
        with self._hub.subscribe() as subscription:
            sent = after
            async for seq, chunk in self._history(reader, run_id, sent):
                sent = seq
                yield chunk
            while True:
                batch = await subscription.next_batch(self._heartbeat)
                if batch is None:
                    yield SSE_PING
                    continue
                fresh = [(seq, chunk) for seq, chunk in self.encode_json(batch).by_run.get(run_id, ()) if seq > sent]
                if fresh and fresh[0][0] > sent + 1:
                    async for seq, chunk in self._history(reader, run_id, sent):
                        sent = seq
                        yield chunk
                elif fresh:
                    sent = fresh[-1][0]
                    yield b"".join(chunk for _, chunk in fresh)

    async def _history(self, reader: Reader, run_id: int, after: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Pages of what is stored, each with its last seq."""
        while True:
            page = await self._once(("events", run_id, after), partial(reader.events, run_id, after, PAGE_SIZE))
            if page:
                after = page[-1].seq
                yield after, b"".join(message(event, event.seq) for event in page)
            if len(page) < PAGE_SIZE:
                return

    async def stream_run_log(
        self, reader: Reader, run_id: int, stage: str | None, attempt: int | None, after: int
    ) -> AsyncGenerator[bytes, None]:
        """A run's lines with n > after, as they are stored."""
        with self._hub.subscribe() as subscription:
            while True:
                page = await self._once(
                    ("log", run_id, stage, attempt, after),
                    partial(reader.log, run_id, stage=stage, attempt=attempt, after=after, limit=PAGE_SIZE),
                )
                if page:
                    after = page[-1].n
                    yield b"".join(_line(line) for line in page)
                if len(page) == PAGE_SIZE:
                    continue
                while not await self._grew(subscription, run_id):
                    yield SSE_PING

    async def _grew(self, subscription: Subscription, run_id: int) -> bool:
        """True once the run's log grew; False when it is time for a heartbeat."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._heartbeat
        while (left := until - loop.time()) > 0:
            batch = await subscription.next_batch(left)
            if batch is not None and run_id in batch.logs:
                return True
        return False

    async def stream_all_events(self, feed: ChangeFeed, cursor: str | None) -> AsyncGenerator[bytes, None]:
        """Everything committed since the cursor; without one, from now on. The first line gives a new viewer its place."""
        if cursor is not None:
            async for page in read_full_pages(feed, cursor):
                cursor = page.cursor
                yield everything(page.events, cursor)
        with self._hub.subscribe() as subscription:
            standing = await subscription.wait_for_start_cursor()
            yield f"id: {cursor or standing}\n\n".encode()
            splice = await StreamCatchUp.at(feed, cursor or standing, standing)
            if splice.missed:
                yield everything(splice.missed, standing)
            while True:
                batch = await subscription.next_batch(self._heartbeat)
                if batch is None:
                    yield SSE_PING
                elif splice.is_caught_up:
                    yield self.encode_json(batch).whole
                elif fresh := splice.fresh(batch.events):
                    yield everything(fresh, batch.cursor if splice.is_caught_up else None)

    async def _once(self, question: Hashable, ask: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, shared with whoever asks the same meanwhile."""
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.ensure_future(_awaited(ask))
            task.add_done_callback(lambda done: self._answered(question, done))
        return await asyncio.shield(task)

    def _answered(self, question: Hashable, task: "asyncio.Task[Any]") -> None:
        del self._asked[question]
        if not task.cancelled():
            task.exception()  # seen, also when every asker has left


async def _awaited(ask: Callable[[], Awaitable[Any]]) -> Any:
    return await ask()


def _line(line: LogLineView) -> bytes:
    return f"id: {line.n}\nevent: line\ndata: ".encode() + encode_json(line_json(line)) + b"\n\n"
