"""The requests of workers."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, FailFast, Field, model_validator

from application.commands.dispatches.advance_dispatch import AdvanceCommand, WorkerReport
from application.commands.workers.record_heartbeat import HeartbeatCommand, HeldDispatch
from application.ports.persistence.logs import NewLogLine, UnfinishedLine, UnfinishedLines
from application.ports.persistence.workers import WorkerStatus
from domain.reports.report import Report
from domain.runs.status import Reason, Status
from entrypoints.api.shared.models import (
    MAX_BIGINT,
    MAX_INTEGER,
    LongText,
    ReportedStatus,
    RequestModel,
    ShortText,
    StageName,
    Timestamp,
)

Id = Annotated[int, Field(ge=1, le=MAX_BIGINT)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Epoch = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
AttemptNumber = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
Pool = Annotated[str, Field(min_length=1, max_length=100)]
Version = Annotated[str, Field(max_length=100)]
_MAX_ITEMS = 10_000
_MAX_LINES = 100_000


def _to_pairs(value: Any) -> Any:
    """Convert JSON's lists to the tuples that strict validation requires."""
    if isinstance(value, list):
        return [tuple(item) if isinstance(item, list) else item for item in value]
    return value


def _require_timestamp(value: datetime | None) -> datetime:
    if value is None:
        raise ValueError("must be a time")
    return value


HeldAttempts = Annotated[list[tuple[str, AttemptNumber]], FailFast(), BeforeValidator(_to_pairs), Field(max_length=_MAX_ITEMS)]
RequiredTimestamp = Annotated[Timestamp, AfterValidator(_require_timestamp)]
LineText = Annotated[str, Field(max_length=1 << 20)]
LineStream = Literal["stdout", "stderr", "headgate"]
Line = Annotated[
    tuple[Count, RequiredTimestamp, LineStream, LineText] | tuple[Count, RequiredTimestamp, LineStream, LineText, Literal[True]],
    Field(union_mode="left_to_right"),
]

UnfinishedEntry = tuple[RequiredTimestamp, Literal["stdout", "stderr"], Annotated[str, Field(max_length=10_000)]]


class HeldDispatchModel(RequestModel):
    """A dispatch that the worker holds, with its running attempts as (stage, attempt)."""

    run_id: Id
    epoch: Epoch
    holding: HeldAttempts = []

    def to_held_dispatch(self) -> HeldDispatch:
        return HeldDispatch(self.run_id, self.epoch, frozenset(self.holding))


class HeartbeatRequest(RequestModel):
    """A worker process, its slots, and the dispatches that it holds."""

    worker_id: ShortText
    name: ShortText
    pool: Pool
    slots: Count
    free: Count
    version: Version = ""
    received: Count | None = None
    takes_work: bool = True
    dispatches: Annotated[list[HeldDispatchModel], FailFast(), Field(max_length=_MAX_ITEMS)] = []

    def to_command(self, token_id: int | None = None) -> HeartbeatCommand:
        """Build the command of a worker with this token; None for the token that is derived from HEADGATE_SECRET."""
        worker = WorkerStatus(self.worker_id, self.name, self.pool, self.slots, self.free, self.version, token_id)
        return HeartbeatCommand(worker, [held.to_held_dispatch() for held in self.dispatches], self.received, self.takes_work)


class ClaimRequest(RequestModel):
    """A claim of a dispatch for so many stages at once."""

    worker_id: ShortText
    capacity: Count


def _parse_worker_status(value: Any) -> Any:
    return Status.LOST if value == Status.LOST else value


WorkerReportedStatus = Annotated[Literal[Status.LOST], BeforeValidator(_parse_worker_status)] | ReportedStatus


class WorkerReportModel(RequestModel):
    """A report about an attempt of the dispatch. Only a worker may report `lost`, and only for an attempt that it fenced."""

    event_id: ShortText
    stage: StageName
    attempt: AttemptNumber
    status: WorkerReportedStatus
    reason: Literal["timeout", "error", "fenced"] | None = None
    records_processed: Annotated[int, Field(ge=0, le=MAX_BIGINT)] | None = None
    error_message: LongText | None = None
    message: LongText | None = None
    output: Any = None

    @model_validator(mode="after")
    def _check_fence(self) -> Self:
        if (self.status is Status.LOST) is not (self.reason == "fenced"):
            raise ValueError("status lost requires reason fenced, and reason fenced requires status lost")
        return self

    def to_worker_report(self) -> WorkerReport:
        report = Report(
            status=self.status,
            stage=self.stage,
            attempt=self.attempt,
            records_processed=self.records_processed,
            error_message=self.error_message,
            message=self.message,
            output=self.output,
            reason=Reason(self.reason) if self.reason else None,
        )
        return WorkerReport(self.event_id, report)


class AdvanceRequest(RequestModel):
    """The reports about a dispatch's attempts, and how many more the worker can start."""

    worker_id: ShortText
    capacity: Count
    free: Count = 0
    received: Count | None = None
    holding: HeldAttempts = []
    hand_back: bool = False
    reports: Annotated[list[WorkerReportModel], FailFast(), Field(max_length=_MAX_ITEMS)] = []

    def to_command(self, run_id: int, epoch: int) -> AdvanceCommand:
        reports = [report.to_worker_report() for report in self.reports]
        return AdvanceCommand(self.worker_id, run_id, epoch, self.capacity, reports, frozenset(self.holding), self.hand_back)


class FlowRunRecordedRequest(RequestModel):
    """The Prefect flow run that carries a dispatch."""

    worker_id: ShortText
    flow_run_id: ShortText


class UnfinishedLinesModel(RequestModel):
    """The lines that an attempt has not finished yet: (time, stream, text) each. A higher version is newer."""

    version: Count
    lines: Annotated[list[UnfinishedEntry], FailFast(), BeforeValidator(_to_pairs), Field(max_length=2)]

    def to_lines(self) -> UnfinishedLines:
        return UnfinishedLines(self.version, [UnfinishedLine(at, stream, text) for at, stream, text in self.lines])


class AppendLogRequest(RequestModel):
    """Lines of one attempt: (index, time, stream, text) each, and true if their order among the two streams is approximate.

    `tail` marks the last lines of a log whose head is full.
    """

    run_id: Id
    stage: StageName
    attempt: AttemptNumber
    lines: Annotated[list[Line], FailFast(), BeforeValidator(_to_pairs), Field(max_length=_MAX_LINES)]
    tail: bool = False
    unfinished: UnfinishedLinesModel | None = None

    @property
    def unfinished_lines(self) -> UnfinishedLines | None:
        return self.unfinished.to_lines() if self.unfinished else None

    def to_lines(self) -> list[NewLogLine]:
        return [NewLogLine(*line) for line in self.lines]


class CancelledInPrefectRequest(RequestModel):
    """A flow run that was cancelled in Prefect."""

    flow_run_id: ShortText


class LeaveRequest(RequestModel):
    """A worker that stops."""

    worker_id: ShortText
