"""Spans and metrics of the judges of alerts."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import NO_PARENT, Span, Telemetry
from domain.alerts.incident_entry import IncidentEntry

SPAN_NAME: Final = "headgate.alerts"


class AlertTelemetry:
    """Counts the changes of incidents, and traces the transactions of a judge."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def trace_judge(self, judge: str) -> AbstractContextManager[Span]:
        """Return a span, in a trace of its own, around what a judge does in one transaction, if it judges anything."""
        return self._telemetry.span(SPAN_NAME, judge, parent=NO_PARENT)

    def count(self, entries: Sequence[IncidentEntry]) -> None:
        """Count the changes of incidents by their kinds."""
        for kind, number in Counter(entry.kind for entry in entries).items():
            self._telemetry.count(Metric.INCIDENT_CHANGES, number, change=kind.value)
