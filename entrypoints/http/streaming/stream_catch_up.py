"""Join one viewer's position in the change feed to the hub's, without a gap or a repetition."""

from collections.abc import AsyncGenerator, Sequence

from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.queries.views.events import EventView, SiteEventView

PAGE_SIZE = 1_000
AnyEvent = EventView | SiteEventView


class StreamCatchUp:
    """The difference between a viewer's cursor and the cursor at which the hub's next batch starts.

    Cursors cannot be compared, so events are. `missed` are the events after the viewer's cursor that precede the hub's. The events after
    the hub's cursor that the viewer has seen already are left out of later batches. The order of the three reads makes both exact.
    """

    def __init__(self, missed: Sequence[AnyEvent], seen: set[tuple[int, int]]) -> None:
        self.missed = missed
        self._seen = seen

    @classmethod
    async def load(cls, feed: ChangeFeed, cursor: str, hub_cursor: str, page_size: int = PAGE_SIZE) -> "StreamCatchUp":
        """Compare the events after both cursors."""
        if cursor == hub_cursor:
            return cls([], set())
        after_hub = await _read_after(feed, hub_cursor, page_size)
        after_viewer = await _read_after(feed, cursor, page_size)
        coming = {_get_key(event) for event in await _read_after(feed, hub_cursor, page_size)}
        seen = {_get_key(event) for event in after_hub} - {_get_key(event) for event in after_viewer}
        return cls([event for event in after_viewer if _get_key(event) not in coming], seen)

    @property
    def is_caught_up(self) -> bool:
        """True if the viewer has seen no event of later batches."""
        return not self._seen

    def take_new(self, batch: ChangeBatch) -> list[AnyEvent]:
        """Return the events of a batch that the viewer has not seen."""
        events = get_all_events(batch)
        new = [event for event in events if _get_key(event) not in self._seen]
        self._seen -= {_get_key(event) for event in events}
        return new


async def read_full_pages(feed: ChangeFeed, cursor: str, page_size: int = PAGE_SIZE) -> AsyncGenerator[ChangeBatch, None]:
    """Yield full pages after the cursor, until what is left fits into one page."""
    while (batch := await feed.read(cursor, page_size)).event_count >= page_size:
        cursor = batch.cursor
        yield batch


async def _read_after(feed: ChangeFeed, cursor: str, page_size: int) -> list[AnyEvent]:
    found: list[AnyEvent] = []
    while True:
        batch = await feed.read(cursor, page_size)
        found += get_all_events(batch)
        cursor = batch.cursor
        if batch.event_count < page_size:
            return found


def get_all_events(batch: ChangeBatch) -> Sequence[AnyEvent]:
    """Return the events of both kinds, in the order in which they are streamed."""
    return [*batch.site_events, *batch.events]


def _get_key(event: AnyEvent) -> tuple[int, int]:
    """Return what identifies the event. No run has id 0."""
    return (0, event.id) if isinstance(event, SiteEventView) else (event.run_id, event.seq)
