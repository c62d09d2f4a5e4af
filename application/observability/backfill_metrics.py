"""Derives metrics from the ticks of backfills that changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from application.observability.metrics import Metric
from application.observability.run_metrics import PendingMetric
from application.ports.telemetry.telemetry import Telemetry
from domain.backfills.tick import BackfillTick, BackfillTickState


class BackfillMetrics:
    """Counts the ticks of backfills by the state that they entered."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self, ticks: Sequence[BackfillTick]) -> list[PendingMetric]:
        """Return the metrics of ticks that changed."""
        counts = Counter(tick.state for tick in ticks)
        return [self._count(state, count) for state, count in counts.items()]

    def _count(self, state: BackfillTickState, count: int) -> PendingMetric:
        return lambda: self._telemetry.count(Metric.BACKFILL_TICKS, count, state=state.value)
