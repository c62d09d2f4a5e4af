"""Spans of ticks."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from application.commands.runs.run_opener import TriggerCommand
from application.ports.telemetry.telemetry import NO_PARENT, Span, Telemetry

SPAN_NAME: Final = "headgate.tick"


class TickTracer:
    """The spans of the tick service, and of each run that a tick opens."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def trace_batch(self, schedules: int) -> AbstractContextManager[Span]:
        """Return a span, in a trace of its own, around the transaction that decides the ticks of that many schedules."""
        return self._telemetry.span(SPAN_NAME, "TickService", parent=NO_PARENT, schedules=schedules)

    def start_trace(self, command: TriggerCommand, pipeline: str) -> TriggerCommand:
        """Return the command with a new trace for its run, which is linked to the current span."""
        current = self._telemetry.context()
        links = [current] if current else []
        with self._telemetry.span(
            SPAN_NAME, "TriggerPipeline", parent=NO_PARENT, links=links, pipeline=pipeline, schedule=command.trigger.actor
        ) as span:
            return replace(command, trace=span.context)
