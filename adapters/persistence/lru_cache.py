"""What a process keeps so that it need not read it again."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """The values used lately, together at most `size` heavy; shared by every transaction of a process, so only committed ones enter."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._weight = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def take(self, key: K) -> V | None:
        """The value, which is the caller's from now on."""
        value, weight = self._kept.pop(key, (None, 0))
        self._weight -= weight
        return value

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Keep it in the place of those used longest ago; not at all if it alone is too heavy."""
        if weight > self._size:
            return
        self._weight += weight - self._kept.pop(key, (value, 0))[1]
        self._kept[key] = (value, weight)
        while self._weight > self._size:
            self._weight -= self._kept.popitem(last=False)[1][1]
