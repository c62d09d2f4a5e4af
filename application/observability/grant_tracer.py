"""Spans of grants of slots."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from application.ports.telemetry.telemetry import NO_PARENT, Span, Telemetry
from domain.runs.run import Run

SPAN_NAME: Final = "headgate.grant"


class GrantTracer:
    """The spans of the grant service."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def trace_grants(self, runs: Sequence[Run]) -> AbstractContextManager[Span]:
        """Return a span, in a trace of its own, around the grants to these runs. It is linked to their traces."""
        links = [run.trace for run in runs if run.trace]
        return self._telemetry.span(SPAN_NAME, "GrantService", parent=NO_PARENT, links=links, runs=len(runs))
