"""Telemetry to a Datadog agent: traces by ddtrace, figures by DogStatsD, either without the other."""

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
    """`tracing` None: figures only, and no span is made."""

    def __init__(self, tracing: DatadogTracer | None, metrics: DogStatsdMetrics) -> None:
        self._tracing: DatadogTracer | NullTelemetry = tracing or NullTelemetry()
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
        return self._tracing.span(name, resource, parent=parent, links=links, **tags)

    def use_context(self, context: TraceContext) -> AbstractContextManager[None]:
        return self._tracing.use_context(context)

    def context(self) -> TraceContext:
        return self._tracing.context()

    def drop_current_trace(self) -> None:
        self._tracing.drop_current_trace()

    def log_context(self) -> Mapping[str, str]:
        return self._tracing.log_context()

    def flush(self, seconds: float) -> None:
        with suppress(Exception):  # whatever it is, it is no reason for a process not to end well
            self._metrics.flush()
            self._tracing.flush(seconds)
