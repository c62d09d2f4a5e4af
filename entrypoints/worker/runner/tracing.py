"""Traces a dispatch and its attempts: some spans join the trace of the trigger, others start a trace of their own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from structlog.contextvars import bound_contextvars

from application.ports.dispatch.worker_messages import AttemptStart, Claim
from application.ports.telemetry.telemetry import NO_PARENT, Span, Tag, Telemetry, TraceContext, get_dispatch_trace_context
from entrypoints.worker_protocol.messages import StageReport

_MAX_TRACE_SECONDS: Final = 3_600.0
"""Seconds after which the next attempt starts a trace of its own, because a trace that grows for hours is unreadable."""


class DispatchTrace:
    """The spans of one dispatch. `context` is set once `dispatch_span` is open."""

    def __init__(self, telemetry: Telemetry, claim: Claim, clock: Callable[[], float] = time.monotonic) -> None:
        self._telemetry, self._claim, self._clock = telemetry, claim, clock
        self._started_at = clock()
        self.context: TraceContext = {}

    @contextlib.contextmanager
    def dispatch_span(self) -> Iterator[Span]:
        claim = self._claim
        parent, links = get_dispatch_trace_context(claim.trace, claim.epoch)
        tags: dict[str, Tag] = {"pipeline": claim.pipeline, "run": claim.run_id, "dispatch": claim.epoch}
        with (
            bound_contextvars(pipeline=claim.pipeline, run=claim.run_id),
            self._telemetry.span("headgate.dispatch", claim.pipeline, parent=parent, links=links, **tags) as span,
        ):
            self.context = span.context
            yield span

    @contextlib.contextmanager
    def attempt_span(self, start: AttemptStart) -> Iterator[Span]:
        """Open the span of an attempt below its dispatch. A retry or a late attempt gets a trace of its own, linked to the dispatch."""
        claim = self._claim
        has_own_trace = start.attempt > 1 or self._clock() - self._started_at > _MAX_TRACE_SECONDS
        parent = NO_PARENT if has_own_trace else self.context
        links = [self.context] if has_own_trace and self.context else []
        tags: dict[str, Tag] = {
            "pipeline": claim.pipeline,
            "run": claim.run_id,
            "stage": start.stage,
            "attempt": start.attempt,
            "kind": start.kind,
        }
        with (
            bound_contextvars(pipeline=claim.pipeline, run=claim.run_id, stage=start.stage, attempt=start.attempt),
            self._telemetry.span("headgate.stage", start.stage, parent=parent, links=links, **tags) as span,
        ):
            yield span

    def get_process_context(self, span: Span) -> TraceContext:
        """Return the context for the stage's process: its attempt's, or the trigger's if this worker traces nothing."""
        return span.context or self._claim.trace


def record_result(span: Span, report: StageReport | None, last_lines: Sequence[str]) -> None:
    """Tag the span with the result of its attempt, and add the last lines of output to a failure."""
    if report is None:
        span.tag(status="refused")
        return
    span.tag(status=report.status, reason=report.reason, records=report.records_processed)
    if report.status in ("failed", "lost"):
        span.fail(report.reason or "error", report.error_message or "", "\n".join(last_lines))
