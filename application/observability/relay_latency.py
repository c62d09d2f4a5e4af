"""TODO."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from application.observability.metrics import Metric
from application.observability.run_metrics import elapsed_seconds
from application.ports.persistence.outbox import OutboxRow
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Telemetry

_REMEMBERED = 10_000


class RelayLatencyRecorder:
    """How long a dispatch was in the outbox before Prefect had it."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry, self._clock = telemetry, clock
        self._leased: OrderedDict[tuple[int, int], OutboxRow] = OrderedDict()

    def remember(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            self._leased[row.run_id, row.epoch] = row
        while len(self._leased) > _REMEMBERED:
            self._leased.popitem(last=False)

    def delivered(self, run_id: int, epoch: int) -> None:
        row = self._leased.pop((run_id, epoch), None)
        if row is not None:
            self._telemetry.distribution(Metric.RELAY_LATENCY, elapsed_seconds(row.created_at, self._clock.now()), pool=row.pool)
