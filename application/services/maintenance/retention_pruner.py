"""Deletes old data, and creates the partitions for the coming weeks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from application.ports.persistence.retention import Retention
from application.ports.system.clock import Clock

FIRST_DELAY_SECONDS = 5.0
INTERVAL_SECONDS = 24 * 3600.0
RETRY_DELAY_SECONDS = 60.0
IDEMPOTENCY_RETENTION = timedelta(hours=24)
WORKER_RETENTION = timedelta(days=7)
TOKEN_WORKER_RETENTION = timedelta(days=90)
"""How long a worker token's page lists a worker that has not registered again."""
ALERT_RETENTION = timedelta(days=90)
"""Incidents and messages are kept for at least so long, or as long as events."""
PARTITION = timedelta(days=7)
"""A tick may be kept for so long after its time is over, since whole partitions are dropped."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How many days to keep events with ticks and backfills, and log lines. 0 keeps them forever."""

    events_days: float
    logs_days: float


@dataclass(frozen=True, slots=True)
class PruneResult:
    """The partitions that a pass dropped and created, and how many rows of each kind it deleted."""

    dropped: Sequence[str]
    made: Sequence[str]
    schedules: int
    backfills: int
    site_events: int
    receipts: int
    reporters: int
    answers: int
    workers: int
    token_workers: int
    groups: int
    alerts: int


class RetentionPruner:
    """Prunes shortly after the start and then daily; after an error, again in RETRY_DELAY_SECONDS. Several processes may do so at once."""

    def __init__(self, retention: Retention, clock: Clock, policy: RetentionPolicy) -> None:
        self._retention = retention
        self._clock = clock
        self._policy = policy
        self._next_delay = FIRST_DELAY_SECONDS

    async def wait(self) -> None:
        await asyncio.sleep(self._next_delay)

    async def run_once(self) -> None:
        self._next_delay = RETRY_DELAY_SECONDS
        await self.prune()
        self._next_delay = INTERVAL_SECONDS

    async def prune(self) -> PruneResult:
        """Prune once."""
        retention, now = self._retention, self._clock.now()
        created = await retention.create_partitions(now)
        dropped: list[str] = []
        schedules = backfills = alerts = site_events = receipts = reporters = 0
        if self._policy.logs_days > 0:
            dropped += await retention.drop_logs(now - timedelta(days=self._policy.logs_days))
        if self._policy.events_days > 0:
            oldest = now - timedelta(days=self._policy.events_days)
            dropped += await retention.drop_events(oldest)
            dropped += await retention.drop_ticks(oldest)
            schedules = await retention.delete_schedules(oldest - PARTITION)
            backfills = await retention.delete_backfills(oldest)
            alerts = await retention.delete_alerts(min(oldest, now - ALERT_RETENTION))
            site_events = await retention.delete_site_events(oldest)
            receipts = await retention.delete_receipts(min(oldest, now - IDEMPOTENCY_RETENTION))
            reporters = await retention.delete_reporters(min(oldest, now - IDEMPOTENCY_RETENTION))
        answers = await retention.delete_idempotency_answers(now - IDEMPOTENCY_RETENTION)
        workers = await retention.delete_workers(now - WORKER_RETENTION)
        token_workers = await retention.delete_token_workers(now - TOKEN_WORKER_RETENTION)
        groups = await retention.delete_unused_groups()
        return PruneResult(
            dropped, created, schedules, backfills, site_events, receipts, reporters, answers, workers, token_workers, groups, alerts
        )
