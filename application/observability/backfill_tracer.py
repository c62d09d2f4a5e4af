"""Spans of backfills."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from application.commands.runs.run_opener import TriggerCommand
from application.ports.telemetry.telemetry import NO_PARENT, Span, Telemetry

SPAN_NAME: Final = "headgate.backfill"


class BackfillTracer:
    """The spans of the backfill service, and of each run that a backfill opens."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def trace_pass(self, pipeline: str) -> AbstractContextManager[Span]:
        """Return a span, in a trace of its own, around the transaction that moves a backfill on."""
        return self._telemetry.span(SPAN_NAME, "BackfillService", parent=NO_PARENT, pipeline=pipeline)

    def start_trace(self, command: TriggerCommand, pipeline: str) -> TriggerCommand:
        """Return the command with a new trace for its run, which is linked to the current span."""
        current = self._telemetry.context()
        links = [current] if current else []
        with self._telemetry.span(SPAN_NAME, "TriggerPipeline", parent=NO_PARENT, links=links, pipeline=pipeline) as span:
            return replace(command, trace=span.context)
