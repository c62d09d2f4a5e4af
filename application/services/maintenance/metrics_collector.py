"""Tells regularly how things stand: what no single event says."""

from application.observability.metrics import Metric
from application.ports.queries.health_metrics import HealthMetricsReader
from application.ports.telemetry.telemetry import Telemetry
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from application.services.feed.event_hub import EventHub

LATE_AFTER_SECONDS = 60.0
"""Seconds in the queue after which a run counts as late."""
COLLECT_INTERVAL_SECONDS = 10.0


class MetricsCollector:
    """Each pass reads the store once. Every web process does: a gauge told twice is the same gauge."""

    def __init__(self, vitals: HealthMetricsReader, hub: EventHub, telemetry: Telemetry) -> None:
        self._vitals = vitals
        self._hub = hub
        self._telemetry = telemetry

    async def run_once(self) -> None:
        self._tell_process()
        signs = await self._vitals.read(LATE_AFTER_SECONDS, WORKER_SEEN_WITHIN_SECONDS)
        gauge = self._telemetry.gauge
        gauge(Metric.OUTBOX_DEPTH, signs.outbox_depth)
        gauge(Metric.OUTBOX_AGE, signs.outbox_age)
        gauge(Metric.RUNS_WAITING, signs.waiting)
        gauge(Metric.RUNS_LATE, signs.late)
        for pool in signs.pools:
            gauge(Metric.WORKERS, pool.workers, pool=pool.pool)
            gauge(Metric.WORKER_SLOTS, pool.slots, pool=pool.pool)
            gauge(Metric.WORKER_SLOTS_FREE, pool.free, pool=pool.pool)

    def _tell_process(self) -> None:
        size, in_use = self._vitals.connections()
        self._telemetry.gauge(Metric.DB_POOL_SIZE, size)
        self._telemetry.gauge(Metric.DB_POOL_IN_USE, in_use)
        self._telemetry.gauge(Metric.SSE_VIEWERS, self._hub.viewer_count)
        self._telemetry.gauge(Metric.SSE_LAG, self._hub.lag)
