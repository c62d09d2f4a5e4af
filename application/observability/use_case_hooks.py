"""TODO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceResult
from application.commands.reports.report_results import ReportResult
from application.commands.runs.trigger_pipeline import TriggerCommand, TriggerResult
from application.observability.instrumented_use_case import Arguments
from application.observability.metrics import Metric
from application.ports.dispatch.worker_messages import Claim
from application.ports.telemetry.telemetry import Span, Telemetry


def attach_trace_context(span: Span, args: Arguments) -> Arguments:
    """The run keeps the place in the trace that it was triggered at; its stages will belong there."""
    command: TriggerCommand = args[0]
    context = span.context
    return (replace(command, trace=context) if context else command,)


def tag_triggered(span: Span, telemetry: Telemetry, triggered: TriggerResult) -> None:
    span.tag(pipeline=triggered.pipeline, run=triggered.run_id)


def tag_claim(span: Span, telemetry: Telemetry, claim: Claim) -> None:
    span.tag(pipeline=claim.pipeline, run=claim.run_id, dispatch=claim.epoch)


def tag_dispatch(span: Span, args: Arguments) -> Arguments:
    step: AdvanceCommand = args[0]
    span.tag(run=step.run_id, dispatch=step.epoch)
    return args


def count_advance_verdicts(span: Span, telemetry: Telemetry, advanced: AdvanceResult) -> None:
    count_verdicts(span, telemetry, advanced.answers)


def count_verdicts(span: Span, telemetry: Telemetry, answers: Sequence[ReportResult]) -> None:
    for verdict, count in Counter(map(get_verdict, answers)).items():
        telemetry.count(Metric.STATUS_UPDATES, count, verdict=verdict)


def get_verdict(answer: ReportResult) -> str:
    """`applied`, `ignored`, or the kind of refusal."""
    if answer.problem:
        return answer.problem
    return "applied" if answer.applied else "ignored"
