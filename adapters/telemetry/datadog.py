"""Sends traces with ddtrace and metrics with DogStatsD to a Datadog agent. Each works without the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from adapters.telemetry.dogstatsd import DogStatsdMetrics
from adapters.telemetry.null import NullTelemetry
from application.ports.telemetry.telemetry import Span, Tag, TraceContext

if TYPE_CHECKING:
    from adapters.telemetry.tracing import DatadogTracer


class DatadogTelemetry:
    """Implements `Telemetry`. Without a tracer it sends metrics only."""

    def __init__(self, tracer: DatadogTracer | None, metrics: DogStatsdMetrics) -> None:
        self._tracer: DatadogTracer | NullTelemetry = tracer or NullTelemetry()
        self._metrics = metrics
        self.count = metrics.count
        self.distribution = metrics.distribution
        self.gauge = metrics.gauge

    @property
    def is_on(self) -> bool:
        return True

    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> AbstractContextManager[Span]:
        return self._tracer.span(name, resource, parent=parent, links=links, **tags)

    def use_context(self, context: TraceContext) -> AbstractContextManager[None]:
        return self._tracer.use_context(context)

    def context(self) -> TraceContext:
        return self._tracer.context()

    def drop_current_trace(self) -> None:
        self._tracer.drop_current_trace()

    def log_context(self) -> Mapping[str, str]:
        return self._tracer.log_context()

    def flush(self, seconds: float) -> None:
        with suppress(Exception):  # a failed flush must not keep the process from stopping
            self._metrics.flush()
            self._tracer.flush(seconds)
