"""Forgetting what has been kept long enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Retention(Protocol):
    """Events and log lines lie in partitions by week; one is dropped whole, once all of it is older than asked for.

    Safe to call from several processes at once. Unavailable when the store does not answer or is too busy.
    """

    async def create_partitions(self, now: datetime) -> Sequence[str]:
        """Make the partitions of this week and the next ones that are missing; returns their names."""
        ...

    async def drop_events(self, before: datetime) -> Sequence[str]:
        """Drop the partitions whose events all happened before; returns their names."""
        ...

    async def drop_logs(self, before: datetime) -> Sequence[str]:
        """Drop the partitions whose log lines were all written before; returns their names."""
        ...

    async def delete_receipts(self, before: datetime) -> int:
        """Delete the stored answers to reports that were answered before; returns how many."""
        ...

    async def delete_idempotency_answers(self, before: datetime) -> int:
        """Delete the stored answers to requests with an Idempotency-Key that were made before; returns how many."""
        ...

    async def delete_workers(self, before: datetime) -> int:
        """Delete the rows of workers that have not spoken since; returns how many."""
        ...
