"""The responses to workers, and the messages of their open stream."""

from typing import Any, Self

from application.commands.dispatches.advance_dispatch import AdvanceResult
from application.commands.reports.report_results import ReportResult
from application.ports.dispatch.worker_messages import Claim, StopRun, WorkerMessage
from application.ports.persistence.logs import AppendedLines
from domain.runs.status import Status
from entrypoints.api.shared.models import ResponseModel
from entrypoints.http.error_problems import REPORT_OUTCOME_STATUSES
from entrypoints.http.json_response import encode_json


class AttemptStartResponse(ResponseModel):
    """An attempt to start, with the token for its reports."""

    stage: str
    attempt: int
    token: str
    kind: str
    timeout: float
    spec: dict[str, Any]
    given: Any
    holds_slot: bool


class ClaimResponse(ResponseModel):
    """A claimed dispatch and the attempts to start first."""

    run_id: int
    number: int
    epoch: int
    pipeline: str
    pool: str
    stages: list[str]
    parameters: dict[str, Any]
    starts: list[AttemptStartResponse]
    more: bool
    key: str
    trace: dict[str, str]
    scheduled_for: str | None


class HeartbeatResponse(ResponseModel):
    """The dispatches, as (run id, epoch), that the worker keeps or has lost, the runs to stop or to advance, and new claims."""

    renewed: list[tuple[int, int]]
    refused: list[tuple[int, int]]
    stop: list[int]
    wake: list[int]
    claims: list[ClaimResponse]


class WorkerReportResponse(ResponseModel):
    """The answer to one report of a worker."""

    http_status: int
    applied: bool
    why: str | None
    seq: int | None
    status: Status | None
    problem: str | None

    @classmethod
    def from_view(cls, view: ReportResult) -> Self:
        """Build the answer from the report's result."""
        return cls(
            http_status=REPORT_OUTCOME_STATUSES[view.outcome],
            applied=view.applied,
            why=view.why,
            seq=view.seq,
            status=view.status,
            problem=view.problem,
        )


class AdvanceResponse(ResponseModel):
    """The answers to the reports in order, what starts next, and the attempts, as (stage, attempt), to kill or to cancel."""

    answers: list[WorkerReportResponse]
    starts: list[AttemptStartResponse]
    more: bool
    stop: bool
    ended: bool
    kill: list[tuple[str, int]]
    cancel: list[tuple[str, int]]

    @classmethod
    def from_view(cls, view: AdvanceResult) -> Self:
        """Build the response from the use case's result."""
        return cls(
            answers=[WorkerReportResponse.from_view(answer) for answer in view.answers],
            starts=[AttemptStartResponse.from_view(start) for start in view.starts],
            more=view.more,
            stop=view.stop,
            ended=view.ended,
            kill=list(view.kill),
            cancel=list(view.cancel),
        )


class StoredLinesResponse(ResponseModel):
    """How many lines were new. Once the head of the log is full: from which line on the worker keeps the newest, and how many bytes."""

    stored: int
    tail_from: int | None = None
    tail_bytes: int | None = None

    @classmethod
    def from_view(cls, appended: AppendedLines) -> Self:
        tail = appended.tail
        return cls(stored=appended.stored, tail_from=tail.index if tail else None, tail_bytes=tail.max_bytes if tail else None)


class RecordDispatchResponse(ResponseModel):
    """The response to a request to record a dispatch. `recorded` is True if Prefect shows the dispatch now."""

    recorded: bool


def encode_message(message: WorkerMessage) -> bytes:
    """Return a message as one line of the stream."""
    if isinstance(message, Claim):
        return encode_json({"type": "claim", **ClaimResponse.from_view(message).model_dump()}) + b"\n"
    return encode_json({"type": "stop" if isinstance(message, StopRun) else "wake", "run_id": message.run_id}) + b"\n"
