"""Forgets what has been kept long enough, and makes room for what is to come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from application.ports.persistence.retention import Retention
from application.ports.system.clock import Clock

FIRST_DELAY_SECONDS = 5.0
INTERVAL_SECONDS = 24 * 3600.0
RETRY_DELAY_SECONDS = 60.0
"""Seconds before a pass that failed is tried again."""
IDEMPOTENCY_RETENTION = timedelta(hours=24)
WORKER_RETENTION = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """For how many days events and log lines are kept; 0 keeps them for ever."""

    events_days: float
    logs_days: float


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What a pass did: the partitions it dropped and made, and how many rows of each kind it deleted."""

    dropped: Sequence[str]
    made: Sequence[str]
    receipts: int
    answers: int
    workers: int


class RetentionPruner:
    """A pass shortly after the start, then daily; one that failed is tried again after a minute. Harmless in several processes."""

    def __init__(self, retention: Retention, clock: Clock, keep: RetentionPolicy) -> None:
        self._retention = retention
        self._clock = clock
        self._keep = keep
        self._pause = FIRST_DELAY_SECONDS

    async def wait(self) -> None:
        await asyncio.sleep(self._pause)

    async def run_once(self) -> None:
        self._pause = RETRY_DELAY_SECONDS
        await self.prune()
        self._pause = INTERVAL_SECONDS

    async def prune(self) -> PruneResult:
        """One pass, now."""
        retention, now = self._retention, self._clock.now()
        made = await retention.create_partitions(now)
        dropped: list[str] = []
        receipts = 0
        if self._keep.logs_days > 0:
            dropped += await retention.drop_logs(now - timedelta(days=self._keep.logs_days))
        if self._keep.events_days > 0:
            oldest = now - timedelta(days=self._keep.events_days)
            dropped += await retention.drop_events(oldest)
            receipts = await retention.delete_receipts(min(oldest, now - IDEMPOTENCY_RETENTION))
        answers = await retention.delete_idempotency_answers(now - IDEMPOTENCY_RETENTION)
        return PruneResult(dropped, made, receipts, answers, await retention.delete_workers(now - WORKER_RETENTION))
