"""Builds the report of an attempt from how its process ended and why it was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from domain.output.failure_text import describe_failure
from domain.reports.storable_values import add_note, cut_text, describe_changes, make_storable
from entrypoints.worker.stage_host.job import EndedProcess, JobResult
from entrypoints.worker_protocol.messages import BODY_LIMIT, AttemptKey, DispatchKey, StageReport, encode_json

_MESSAGE_LIMIT = 4_000
_NAMED_HELPERS = 10
_MAX_RECORDS = 2**63 - 1


class Interruption(Enum):
    """Why the worker ended an attempt."""

    TIMEOUT = "timeout"
    RUN_STOPPED = "stopped"
    WORKER_STOPPING = "The worker was stopped while the stage was running."
    LEASE_NOT_RENEWED = "Could not reach Headgate, so the stage was ended before its lease expired."
    LEASE_LOST = "refused"


@dataclass(frozen=True, slots=True)
class ReportBuilder:
    """Builds the reports of one attempt. `limit` is its timeout in seconds."""

    dispatch: DispatchKey
    attempt_key: AttemptKey
    limit: float

    def build(self, end: JobResult, interruption: Interruption | None, last_error: str) -> StageReport:
        """Return the report of an attempt whose process has ended.

        An interrupted attempt has completed only if its function returned, because a program may exit with 0 after a TERM.
        """
        if end.succeeded and (interruption is None or (end.result is not None and interruption is not Interruption.TIMEOUT)):
            return self._build_completed(end.result, end.note)
        match interruption:
            case Interruption.TIMEOUT:
                return self._build_report("failed", reason="timeout", error_message=f"Exceeded its time limit of {self.limit:g} s.")
            case Interruption.RUN_STOPPED:
                return self._build_report("cancelled")
            case Interruption.LEASE_NOT_RENEWED:
                return self._build_report("lost", reason="fenced", error_message=interruption.value)
            case Interruption.WORKER_STOPPING:
                return self.build_failure(interruption.value)
        return self.build_failure(end.error or describe_failure(end.code, end.signal, last_error))

    def build_failure(self, message: str) -> StageReport:
        return self._build_report("failed", reason="error", error_message=cut_text(message, _MESSAGE_LIMIT))

    def _build_completed(self, result: dict[str, Any] | None, note: str | None) -> StageReport:
        """Return the report of a completed attempt. An output that cannot be stored is changed or left out, and the message says so."""
        records = (result or {}).get("records_processed")
        if not isinstance(records, int) or isinstance(records, bool) or not 0 <= records <= _MAX_RECORDS:
            records = None
        output, changes = make_storable(result)
        if problem := _explain_oversized_output(output):
            output, note = None, problem
        return self._build_report("completed", records_processed=records, output=output, message=add_note(note, describe_changes(changes)))

    def _build_report(self, status: Any, **more: Any) -> StageReport:
        (run_id, epoch), (stage, attempt) = self.dispatch, self.attempt_key
        return StageReport(f"{run_id}:{stage}:{attempt}:{epoch}:1", stage, attempt, status, **more)


def describe_ended_helpers(helpers: Sequence[EndedProcess]) -> list[str]:
    """Return a sentence for each process that the stage left running and that was ended, and one for those beyond the first ten."""
    sentences = [f"Ended {helper.name} (process {helper.pid}), which the stage left running." for helper in helpers[:_NAMED_HELPERS]]
    if len(helpers) > _NAMED_HELPERS:
        sentences.append(f"Ended {len(helpers) - _NAMED_HELPERS} more processes, which the stage left running.")
    return sentences


def strip_output(report: StageReport, why: str) -> StageReport:
    """Return the report without its output, which Headgate did not accept, and with the reason as its message."""
    return StageReport(
        report.event_id, report.stage, report.attempt, report.status, report.reason, error_message=report.error_message, message=why[:500]
    )


def _explain_oversized_output(result: dict[str, Any] | None) -> str | None:
    size = len(encode_json(result)) if result else 0
    limit = BODY_LIMIT // 2
    return f"The output was not kept: it has {size:,} bytes, more than {limit:,}." if size > limit else None
