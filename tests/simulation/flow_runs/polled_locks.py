"""Row locks without queues, so that a process that ended without any cleanup is in none."""

import asyncio

from domain.errors import Unavailable
from tests.fakes.persistence.locks import Key, RowLocks

POLL_SECONDS = 0.01


class PolledRowLocks(RowLocks):
    async def take(self, key: Key) -> asyncio.Lock:
        lock = self._locks.setdefault(key, asyncio.Lock())
        end = asyncio.get_running_loop().time() + self.timeout
        while lock.locked():
            if asyncio.get_running_loop().time() > end:
                raise Unavailable(f"The row {key} stayed locked.")
            await asyncio.sleep(POLL_SECONDS)
        await lock.acquire()  # does not wait
        return lock
