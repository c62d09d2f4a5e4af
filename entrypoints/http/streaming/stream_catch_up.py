"""From a viewer's own place in the feed to the hub's, exactly."""

from collections.abc import AsyncGenerator, Sequence

from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.queries.views.events import EventView

PAGE_SIZE = 1_000


class StreamCatchUp:
    """Joins one viewer's place to the hub's, whose next batch begins at `standing`.

    Cursors cannot be compared, so events are: `missed` follows the viewer's cursor but not the hub's, and what the hub will bring
    though the viewer has had it follows the hub's cursor but not the viewer's. The order of the three reads makes both exact.
    """

    def __init__(self, missed: Sequence[EventView], had: set[tuple[int, int]]) -> None:
        self.missed = missed
        self._had = had

    @classmethod
    async def at(cls, feed: ChangeFeed, cursor: str, standing: str) -> "StreamCatchUp":
        if cursor == standing:
            return cls([], set())
        coming = await _since(feed, standing)
        lacking = await _since(feed, cursor)
        late = {_key(event) for event in await _since(feed, standing)}
        had = {_key(event) for event in coming} - {_key(event) for event in lacking}
        return cls([event for event in lacking if _key(event) not in late], had)

    @property
    def is_caught_up(self) -> bool:
        """True when every later batch is new to the viewer."""
        return not self._had

    def fresh(self, events: Sequence[EventView]) -> list[EventView]:
        """What of a batch the viewer has not had."""
        fresh = [event for event in events if _key(event) not in self._had]
        self._had -= {_key(event) for event in events}
        return fresh


async def read_full_pages(feed: ChangeFeed, cursor: str) -> AsyncGenerator[ChangeBatch, None]:
    """Full pages, so that what is left to splice fits in memory."""
    while len((batch := await feed.read(cursor, PAGE_SIZE)).events) >= PAGE_SIZE:
        cursor = batch.cursor
        yield batch


async def _since(feed: ChangeFeed, cursor: str) -> list[EventView]:
    found: list[EventView] = []
    while True:
        batch = await feed.read(cursor, PAGE_SIZE)
        found += batch.events
        cursor = batch.cursor
        if len(batch.events) < PAGE_SIZE:
            return found


def _key(event: EventView) -> tuple[int, int]:
    return event.run_id, event.seq
