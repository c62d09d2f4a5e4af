"""Counts requests and failed sign-ins in memory for the library `limits`, by the monotonic clock.

The library's own storage counts by the wall clock: when that steps back by two hours, callers stay locked out for as long.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Never

from limits.storage.base import MovingWindowSupport, SlidingWindowCounterSupport, Storage

MAX_CALLERS: Final = 50_000


@dataclass(slots=True)
class _Counter:
    """The requests of a caller in the current fixed window and in the one before it."""

    window: int
    count: int = 0
    previous: int = 0


@dataclass(slots=True)
class _Entries:
    """When each request of a caller was made, in seconds of the monotonic clock, oldest first."""

    seconds: float
    times: deque[float] = field(default_factory=deque)


class MonotonicStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """Counts per caller. Beyond `max_callers` it forgets those whose windows are over, and everyone if that is not enough.

    Only addresses come in such numbers, and then the concurrency limit holds.
    """

    STORAGE_SCHEME = None

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, max_callers: int = MAX_CALLERS) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._max_callers = max_callers
        self._counters: dict[tuple[str, int], _Counter] = {}
        self._entries: dict[str, _Entries] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        counter, elapsed = self._get_counter(key, expiry)
        if int(counter.previous * (1 - elapsed)) + counter.count + amount > limit:
            return False
        counter.count += amount
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the previous window's count and seconds until it no longer matters, then the current window's."""
        counter, elapsed = self._get_counter(key, expiry)
        previous_seconds = (1 - elapsed) * expiry
        return counter.previous, previous_seconds if counter.previous else 0.0, counter.count, previous_seconds + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        self._counters.pop((key, expiry), None)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        entries = self._entries.get(key)
        if entries is None:
            self._forget_old()
            entries = self._entries[key] = _Entries(expiry)
        now = self._drop_old_times(entries)
        if len(entries.times) + amount > limit:
            return False
        entries.times.extend([now] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the oldest request of the window was made, and the number of requests."""
        entries = self._entries.get(key) or _Entries(expiry)
        now = self._drop_old_times(entries)
        return (entries.times[0] if entries.times else now), len(entries.times)

    def reset(self) -> int:
        """Forget everything. Return the number of callers that were counted."""
        count = len(self._counters) + len(self._entries)
        self._counters.clear()
        self._entries.clear()
        return count

    def clear(self, key: str) -> None:
        self._entries.pop(key, None)
        for counter in [counter for counter in self._counters if counter[0] == key]:
            del self._counters[counter]

    def check(self) -> bool:
        return True

    def incr(self, key: str, expiry: int, amount: int = 1) -> Never:
        raise NotImplementedError("fixed windows are not supported")

    def get(self, key: str) -> Never:
        raise NotImplementedError("fixed windows are not supported")

    def get_expiry(self, key: str) -> Never:
        raise NotImplementedError("fixed windows are not supported")

    def _get_counter(self, key: str, expiry: int) -> tuple[_Counter, float]:
        """Return the counter, moved on to the current window, and the share of the window that has passed."""
        window, elapsed = divmod(self._monotonic(), expiry)
        counter = self._counters.get((key, expiry))
        if counter is None:
            self._forget_old()
            counter = self._counters[key, expiry] = _Counter(int(window))
        elif counter.window != window:
            counter.previous = counter.count if counter.window == window - 1 else 0
            counter.window, counter.count = int(window), 0
        return counter, elapsed / expiry

    def _drop_old_times(self, entries: _Entries) -> float:
        """Drop the requests that have left the window. Return the time."""
        now = self._monotonic()
        while entries.times and entries.times[0] <= now - entries.seconds:
            entries.times.popleft()
        return now

    def _forget_old(self) -> None:
        if len(self._counters) + len(self._entries) < self._max_callers:
            return
        now = self._monotonic()
        self._counters = {key: counter for key, counter in self._counters.items() if counter.window >= now // key[1] - 1}
        self._entries = {
            key: entries for key, entries in self._entries.items() if entries.times and entries.times[-1] > now - entries.seconds
        }
        if len(self._counters) + len(self._entries) >= self._max_callers:
            self.reset()
