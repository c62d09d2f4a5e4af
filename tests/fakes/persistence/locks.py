"""Row locks: a unit of work that asks for a locked row waits until the holder ends."""

import asyncio

from domain.errors import Unavailable

Key = tuple[object, ...]


class RowLocks:
    """The row locks of a store. Raise Unavailable after waiting for `timeout` real seconds."""

    def __init__(self, timeout: float = 2.0) -> None:
        self.timeout = timeout
        self._locks: dict[Key, asyncio.Lock] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Return the number of units of work that wait for a row, so that tests need not sleep."""
        return self._waiting

    def is_locked(self, key: Key) -> bool:
        lock = self._locks.get(key)
        return lock is not None and lock.locked()

    async def take(self, key: Key) -> asyncio.Lock:
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._waiting += 1
        try:
            async with asyncio.timeout(self.timeout):
                await lock.acquire()
        except TimeoutError:
            raise Unavailable(f"The row {key} stayed locked.") from None
        finally:
            self._waiting -= 1
        return lock
