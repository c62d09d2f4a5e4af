"""Measures how long dispatches wait in the outbox."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from application.observability.metrics import Metric
from application.observability.run_metrics import elapsed_seconds
from application.ports.persistence.outbox import OutboxRow
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Telemetry

_MAX_LEASED = 10_000


class RelayLatencyRecorder:
    """Measures the time from a dispatch's entry into the outbox to its delivery to Prefect."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry, self._clock = telemetry, clock
        self._leased: OrderedDict[tuple[int, int], OutboxRow] = OrderedDict()

    def record_leased(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            self._leased[row.run_id, row.epoch] = row
        while len(self._leased) > _MAX_LEASED:
            self._leased.popitem(last=False)

    def send(self, run_id: int, epoch: int) -> None:
        """Send the latency of a delivered dispatch."""
        row = self._leased.pop((run_id, epoch), None)
        if row is not None:
            self._telemetry.distribution(Metric.RELAY_LATENCY, elapsed_seconds(row.created_at, self._clock.now()), pool=row.pool)
