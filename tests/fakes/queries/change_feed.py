"""The change feed in memory. Each instance is one process; a notification reaches all of them."""

import asyncio
from collections.abc import Collection, Sequence
from weakref import WeakKeyDictionary, WeakSet

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView, SiteEventView
from domain.runs.events import EventType
from tests.fakes.persistence import FakeStore

_listeners: WeakKeyDictionary[FakeStore, WeakSet["FakeChangeFeed"]] = WeakKeyDictionary()


class FakeChangeFeed:
    """A cursor is a position in the store's journal. Notifications are stored until the next `wait`."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self._notified = asyncio.Event()
        self._logs: dict[int, None] = {}
        _listeners.setdefault(store, WeakSet()).add(self)

    async def position(self) -> str:
        self._store.require_up()
        return f"fake:{len(self._store.journal)}"

    async def read(self, cursor: str, limit: int = 1_000, only: Collection[EventType] | None = None) -> ChangeBatch:
        start = self._parse_cursor(cursor)
        self._store.require_up()
        end = start
        events: list[EventView] = []
        site_events: list[SiteEventView] = []
        logs: dict[int, None] = {}
        for fact in self._store.journal[start:]:
            if len(events) + len(site_events) == limit:
                break
            end += 1
            if isinstance(fact, int):
                logs[fact] = None
            elif isinstance(fact, SiteEventView):
                site_events.append(fact)
            elif only is None or fact.type in only:
                events.append(fact)
        return ChangeBatch(events, f"fake:{end}", list(logs), site_events)

    async def announce(self, *, log_run_ids: Sequence[int] = ()) -> None:
        self._store.require_up()
        for feed in _listeners[self._store]:
            feed.notify(log_run_ids)

    def notify(self, log_run_ids: Sequence[int]) -> None:
        """Deliver an announcement to this process."""
        self._logs.update(dict.fromkeys(log_run_ids))
        self._notified.set()

    async def wait(self, seconds: float) -> Sequence[int]:
        try:
            async with asyncio.timeout(seconds):
                await self._notified.wait()
        except TimeoutError:
            return []
        self._notified.clear()
        run_ids, self._logs = list(self._logs), {}
        return run_ids

    def _parse_cursor(self, cursor: str) -> int:
        prefix, _, position = cursor.partition(":")
        if prefix != "fake" or not position.isascii() or not position.isdigit() or int(position) > len(self._store.journal):
            raise ValueError(f"not a cursor of this feed: {cursor:.100}")
        return int(position)
