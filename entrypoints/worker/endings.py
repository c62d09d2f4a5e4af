"""How an attempt's end is told: from what the process did, and from what was done to it, to a report."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum
from typing import Any

from entrypoints.worker.host_job import JobEnd
from entrypoints.worker.wire import BODY_LIMIT, BurstKey, Held, StageReport, encoded

_LAST_LINE = 300
_SENTENCE = 4_000


class Interruption(Enum):
    """Why the worker itself ended an attempt."""

    TIMEOUT = "timeout"
    STOPPED = "stopped"
    LEAVING = "The worker was stopped while this stage ran."
    UNRENEWED = "Headgate could not be reached, so the stage was ended before its lease was."
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reporting:
    """Whose reports these are; makes them."""

    burst: BurstKey
    held: Held
    limit: float

    def of(self, end: JobEnd, interruption: Interruption | None, last_error: str) -> StageReport:
        """The report of an attempt that ended.

        One that was told to end has completed only if its function returned: a program may well exit with 0 because of a TERM.
        """
        if end.succeeded and (interruption is None or (end.result is not None and interruption is not Interruption.TIMEOUT)):
            return self._completed(end.result)
        match interruption:
            case Interruption.TIMEOUT:
                return self._report("failed", reason="timeout", error_message=f"Ran longer than its limit of {self.limit:g} s.")
            case Interruption.STOPPED:
                return self._report("cancelled")
            case Interruption.LEAVING | Interruption.UNRENEWED:
                return self.failed(interruption.value)
        return self.failed(_told(end, last_error))

    def failed(self, sentence: str) -> StageReport:
        return self._report("failed", reason="error", error_message=sentence[:_SENTENCE])

    def _completed(self, result: dict[str, Any] | None) -> StageReport:
        records = (result or {}).get("records_processed")
        if not isinstance(records, int) or isinstance(records, bool) or records < 0:
            records = None
        problem = _unfit(result)
        if problem:
            return self._report("completed", records_processed=records, message=problem)
        return self._report("completed", records_processed=records, output=result)

    def _report(self, status: Any, **more: Any) -> StageReport:
        (run_id, epoch), (stage, attempt) = self.burst, self.held
        return StageReport(f"{run_id}:{stage}:{attempt}:{epoch}:1", stage, attempt, status, **more)


def said_of_exit(code: int | None, number: int | None) -> str:
    """`Exited with code 3.` or `Killed by signal 9 (SIGKILL).`"""
    if number is None:
        return f"Exited with code {code}."
    try:
        return f"Killed by signal {number} ({signal.Signals(number).name})."
    except ValueError:
        return f"Killed by signal {number}."


def without_output(report: StageReport, why: str) -> StageReport:
    """The same end without what the web would not take."""
    return StageReport(
        report.event_id, report.stage, report.attempt, report.status, report.reason, error_message=report.error_message, message=why[:500]
    )


def _told(end: JobEnd, last_error: str) -> str:
    if end.error:
        return end.error
    exit = said_of_exit(end.code, end.signal)
    return f"{exit} {last_error.strip()[:_LAST_LINE]}" if last_error else exit


def _unfit(result: dict[str, Any] | None) -> str | None:
    size = len(encoded(result)) if result else 0
    limit = BODY_LIMIT // 2
    return f"The output was not kept: it has {size:,} bytes, more than {limit:,}." if size > limit else None
