"""Spans and metrics of deliveries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import NO_PARENT, Span, Telemetry

SPAN_NAME: Final = "headgate.delivery"


class DeliveryTracer:
    """Traces and counts the deliveries of alert messages, by the kind of their channels."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    @contextmanager
    def trace(self, channel_kind: str, channel: str, message_kind: str, tries: int) -> Iterator[Span]:
        """Return a span, in a trace of its own, around the composing, sending and recording of a delivery."""
        with self._telemetry.span(SPAN_NAME, channel_kind, parent=NO_PARENT, channel=channel, message=message_kind, tries=tries) as span:
            yield span

    def count(self, channel_kind: str, outcome: str) -> None:
        """Count one try. The outcome is the state of the delivery after it; `scheduled` is a try that will be repeated."""
        self._telemetry.count(Metric.DELIVERIES, channel_kind=channel_kind, outcome=outcome)

    def measure(self, channel_kind: str, seconds: float) -> None:
        """Record how long after it was due a message arrived."""
        self._telemetry.distribution(Metric.DELIVERY_LATENCY, seconds, channel_kind=channel_kind)
