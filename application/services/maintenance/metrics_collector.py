"""Sends gauges that no single event can provide."""

from application.observability.metrics import Metric
from application.ports.queries.health_metrics import HealthMetricsReader
from application.ports.telemetry.telemetry import Telemetry
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from application.services.feed.event_hub import EventHub

LATE_AFTER_SECONDS = 60.0
"""A run that has been queued for longer counts as late."""
COLLECT_INTERVAL_SECONDS = 10.0


class MetricsCollector:
    """Reads health metrics from the store. Every web process does so: a gauge that is sent twice keeps its value."""

    def __init__(self, health_metrics: HealthMetricsReader, hub: EventHub, telemetry: Telemetry) -> None:
        self._health_metrics = health_metrics
        self._hub = hub
        self._telemetry = telemetry

    async def run_once(self) -> None:
        self._send_process_gauges()
        metrics = await self._health_metrics.read(LATE_AFTER_SECONDS, WORKER_SEEN_WITHIN_SECONDS)
        gauge = self._telemetry.gauge
        gauge(Metric.OUTBOX_DEPTH, metrics.outbox_depth)
        gauge(Metric.OUTBOX_AGE, metrics.outbox_age)
        gauge(Metric.RUNS_WAITING, metrics.waiting)
        gauge(Metric.RUNS_LATE, metrics.late)
        gauge(Metric.INCIDENTS_OPEN, metrics.open_incidents)
        gauge(Metric.DELIVERY_AGE, metrics.delivery_age)
        gauge(Metric.FLOW_RUNS_FOLLOWED, metrics.followed_flow_runs)
        gauge(Metric.FLOW_RUNS_AGE, metrics.flow_run_age)
        for pool in metrics.pools:
            gauge(Metric.WORKERS, pool.workers, pool=pool.pool)
            gauge(Metric.WORKER_SLOTS, pool.slots, pool=pool.pool)
            gauge(Metric.WORKER_SLOTS_FREE, pool.free, pool=pool.pool)
        for limit in metrics.limits:
            gauge(Metric.SLOTS_HELD, limit.held, limit=limit.limit)
            gauge(Metric.SLOTS_WAITING, limit.waiting, limit=limit.limit)

    def _send_process_gauges(self) -> None:
        size, in_use = self._health_metrics.connections()
        self._telemetry.gauge(Metric.DB_POOL_SIZE, size)
        self._telemetry.gauge(Metric.DB_POOL_IN_USE, in_use)
        self._telemetry.gauge(Metric.SSE_VIEWERS, self._hub.viewer_count)
        self._telemetry.gauge(Metric.SSE_LAG, self._hub.lag)
