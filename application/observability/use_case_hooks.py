"""Tags and counts that instrumented use cases add to their spans and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceResult
from application.commands.reports.report_results import ReportResult
from application.commands.runs.run_opener import TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerResult
from application.observability.instrumented_use_case import Arguments
from application.observability.metrics import Metric
from application.ports.dispatch.worker_messages import Claim
from application.ports.telemetry.telemetry import Span, Telemetry


def attach_trace_context(span: Span, args: Arguments) -> Arguments:
    """Store the span's context with the run, so that its stages continue the trace of the trigger."""
    command: TriggerCommand = args[0]
    context = span.context
    return (replace(command, trace=context) if context else command,)


def tag_triggered(span: Span, telemetry: Telemetry, result: TriggerResult) -> None:
    span.tag(pipeline=result.pipeline, run=result.run_id)


def tag_claim(span: Span, telemetry: Telemetry, claim: Claim) -> None:
    span.tag(pipeline=claim.pipeline, run=claim.run_id, dispatch=claim.epoch)


def tag_dispatch(span: Span, args: Arguments) -> Arguments:
    command: AdvanceCommand = args[0]
    span.tag(run=command.run_id, dispatch=command.epoch)
    return args


def count_advance_verdicts(span: Span, telemetry: Telemetry, result: AdvanceResult) -> None:
    count_verdicts(span, telemetry, result.answers)


def count_verdicts(span: Span, telemetry: Telemetry, results: Sequence[ReportResult]) -> None:
    """Count status reports by verdict."""
    for verdict, count in Counter(map(get_verdict, results)).items():
        telemetry.count(Metric.STATUS_UPDATES, count, verdict=verdict)


def get_verdict(result: ReportResult) -> str:
    """Return `applied`, `ignored`, or the problem kind of a refused report."""
    if result.problem:
        return result.problem
    return "applied" if result.applied else "ignored"
