"""Telemetry that is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Span, Tag, TraceContext


class NullSpan:
    @property
    def context(self) -> TraceContext:
        return {}

    def tag(self, **tags: Tag) -> None:
        return

    def fail(self, kind: str, message: str, detail: str = "") -> None:
        return


_SPAN = NullSpan()


class NullTelemetry:
    """Imports, stores and sends nothing."""

    @property
    def is_on(self) -> bool:
        return False

    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> AbstractContextManager[Span]:
        return nullcontext(_SPAN)

    def use_context(self, context: TraceContext) -> AbstractContextManager[None]:
        return nullcontext()

    def context(self) -> TraceContext:
        return {}

    def drop_current_trace(self) -> None:
        return

    def count(self, metric: Metric, value: int = 1, **tags: Tag) -> None:
        return

    def distribution(self, metric: Metric, value: float, **tags: Tag) -> None:
        return

    def gauge(self, metric: Metric, value: float, **tags: Tag) -> None:
        return

    def log_context(self) -> Mapping[str, str]:
        return {}

    def flush(self, seconds: float) -> None:
        return
