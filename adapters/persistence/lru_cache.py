"""A cache that drops the least recently used values."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Values with a total weight of at most `size`. All transactions of a process share it, so it must hold committed values only."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._weight = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def take(self, key: K) -> V | None:
        """Remove and return the value."""
        value, weight = self._entries.pop(key, (None, 0))
        self._weight -= weight
        return value

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Add the value and drop the least recently used ones. Ignore a value that is heavier than the cache."""
        if weight > self._size:
            return
        self._weight += weight - self._entries.pop(key, (value, 0))[1]
        self._entries[key] = (value, weight)
        while self._weight > self._size:
            self._weight -= self._entries.popitem(last=False)[1][1]
