"""Derives metrics from the ticks of schedules that were decided."""

from __future__ import annotations

from collections.abc import Sequence

from application.observability.metrics import Metric
from application.observability.run_metrics import PendingMetric, elapsed_seconds
from application.ports.telemetry.telemetry import Telemetry
from domain.schedules.tick import Tick


class TickMetrics:
    """Counts ticks by state, and times how late their runs are opened."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self, ticks: Sequence[Tick]) -> list[PendingMetric]:
        """Return the metrics of ticks that are new or changed."""
        metrics = [self._count(tick) for tick in ticks]
        return metrics + [self._time(tick) for tick in ticks if tick.run_id is not None]

    def _count(self, tick: Tick) -> PendingMetric:
        return lambda: self._telemetry.count(Metric.TICKS, tick.count, state=tick.state.value)

    def _time(self, tick: Tick) -> PendingMetric:
        return lambda: self._telemetry.distribution(Metric.TICK_LAG, elapsed_seconds(tick.fire_at, tick.decided_at), state=tick.state.value)
