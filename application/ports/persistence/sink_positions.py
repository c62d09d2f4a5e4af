"""The position of each event sink in the change feed."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SinkPosition:
    """The position of an event sink.

    `cursor` is that of the change feed up to which events were sent, None before the first. `tries` counts the failures since the last
    success. `is_free` is False while a publisher holds the sink, or until a postponed delivery is due.
    """

    cursor: str | None = None
    tries: int = 0
    is_free: bool = True


class SinkPositions(Protocol):
    """The positions of all sinks. One publisher at a time holds a sink, for a limited time."""

    async def find(self, sink: str) -> SinkPosition:
        """Return the position, not locked; a free one without a cursor for a new sink."""
        ...

    async def acquire(self, sink: str, publisher: str, seconds: float) -> SinkPosition | None:
        """Hold the sink for this many seconds of the store's clock. Returns None if it is not free."""
        ...

    async def advance(self, sink: str, publisher: str, cursor: str) -> bool:
        """Store the new cursor, reset the failures, and release the sink. Returns False if another publisher holds it by now."""
        ...

    async def postpone(self, sink: str, publisher: str, error: str, delay: float) -> None:
        """Count a failure with its message, and free the sink after `delay` seconds. Does nothing if another publisher holds it by now."""
        ...
