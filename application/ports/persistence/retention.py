"""Deletion of old data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Retention(Protocol):
    """Deletes old data. Events, log lines and ticks are partitioned by week, and partitions are dropped as a whole.

    Several processes may call it at the same time. Raises Unavailable if the store does not respond or is too busy.
    """

    async def create_partitions(self, now: datetime) -> Sequence[str]:
        """Create the missing partitions of this week and the next ones. Returns their names."""
        ...

    async def drop_events(self, before: datetime) -> Sequence[str]:
        """Drop the partitions with no event after `before`. Returns their names."""
        ...

    async def drop_ticks(self, before: datetime) -> Sequence[str]:
        """Drop the partitions with no tick due after `before`. Returns their names."""
        ...

    async def drop_logs(self, before: datetime) -> Sequence[str]:
        """Drop the partitions with no log line after `before`. Returns their names."""
        ...

    async def delete_site_events(self, before: datetime) -> int:
        """Delete the site events before that time. Returns the number deleted."""
        ...

    async def delete_schedules(self, before: datetime) -> int:
        """Delete the schedules that were removed before that time. Their ticks are gone already. Returns the number deleted."""
        ...

    async def delete_backfills(self, before: datetime) -> int:
        """Delete the backfills whose last tick ended before that time, with their ticks. Returns the number of backfills deleted."""
        ...

    async def delete_alerts(self, before: datetime) -> int:
        """Delete what was over before that time. Returns the number of incidents and messages deleted.

        These are resolved incidents with their timelines, messages and deliveries, messages about no incident without scheduled
        deliveries, silences, and the names of deleted channels that no delivery and no incident refers to.
        """
        ...

    async def delete_receipts(self, before: datetime) -> int:
        """Delete the receipts of reports answered before that time. Returns the number deleted."""
        ...

    async def delete_reporters(self, before: datetime) -> int:
        """Forget the last reports that came before that time. Returns the number deleted."""
        ...

    async def delete_idempotency_answers(self, before: datetime) -> int:
        """Delete the stored answers of requests made before that time. Returns the number deleted."""
        ...

    async def delete_unused_groups(self) -> int:
        """Delete the limits of groups without pipelines, slots and requests, unless an administrator set them.

        Returns the number deleted.
        """
        ...

    async def delete_workers(self, before: datetime) -> int:
        """Delete workers last seen before that time. Returns the number deleted."""
        ...

    async def delete_token_workers(self, before: datetime) -> int:
        """Delete the workers of tokens that registered last before that time and have no process. Returns the number deleted."""
        ...
