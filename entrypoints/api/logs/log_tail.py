"""Live log lines for viewers."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogFilter, LogLineView
from application.services.feed.event_hub import EventHub
from application.services.feed.subscription import Subscription
from entrypoints.api.logs.models import LogLineResponse
from entrypoints.http.json_response import encode_json
from entrypoints.http.streaming.event_stream import HEARTBEAT_SECONDS, SSE_PING
from entrypoints.http.streaming.shared_queries import SharedQueries
from entrypoints.http.streaming.stream_catch_up import PAGE_SIZE


class LogTail:
    """The streams of runs' logs; one per process."""

    def __init__(self, hub: EventHub, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._hub = hub
        self._heartbeat = heartbeat
        self._queries = SharedQueries()

    async def stream(
        self,
        reader: Reader,
        run_id: int,
        line_filter: LogFilter,
        after: int,
        mark_read: Callable[[], None] = lambda: None,
        *,
        is_raw: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the run's lines with n > after: the stored ones, then new ones as they are stored.

        `mark_read` is called at least at every heartbeat, as long as the stream is read.
        An event `unfinished` has all lines that are not finished yet, in place of those of the event before.
        """
        was_unfinished = False
        with self._hub.subscribe() as subscription:
            while True:
                mark_read()
                page = await self._queries.run(
                    (run_id, line_filter, after),
                    partial(reader.log_window, run_id, line_filter, above=after, limit=PAGE_SIZE),
                )
                if page:
                    after = page[-1].n
                    yield await asyncio.to_thread(_encode_lines, page, is_raw)
                if len(page) == PAGE_SIZE:
                    continue
                unfinished = await self._queries.run(
                    (run_id, line_filter, after, "unfinished"),
                    partial(reader.unfinished_lines, run_id, line_filter, after),
                )
                if unfinished or was_unfinished:
                    yield await asyncio.to_thread(_encode_unfinished, unfinished, is_raw)
                was_unfinished = bool(unfinished)
                while not await self._wait_for_lines(subscription, run_id):
                    mark_read()
                    yield SSE_PING

    async def _wait_for_lines(self, subscription: Subscription, run_id: int) -> bool:
        """Return True once the run has new lines; False when a heartbeat is due."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._heartbeat
        while (left := deadline - loop.time()) > 0:
            batch = await subscription.next_batch(left)
            if batch is not None and run_id in batch.logs:
                return True
        return False


def _encode_lines(lines: Sequence[LogLineView], is_raw: bool) -> bytes:
    return b"".join(_encode_line(line, is_raw) for line in lines)


def _encode_line(line: LogLineView, is_raw: bool) -> bytes:
    return f"id: {line.n}\nevent: line\ndata: ".encode() + encode_json(LogLineResponse.from_line(line, is_raw=is_raw)) + b"\n\n"


def _encode_unfinished(lines: Sequence[LogLineView], is_raw: bool) -> bytes:
    return b"event: unfinished\ndata: " + encode_json([LogLineResponse.from_line(line, is_raw=is_raw) for line in lines]) + b"\n\n"
