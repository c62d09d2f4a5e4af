"""What worker processes send."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from application.commands.dispatches.advance_dispatch import AdvanceCommand, WorkerReport
from application.commands.workers.record_heartbeat import HeartbeatCommand, HeldDispatch
from application.ports.persistence.logs import NewLogLine
from application.ports.persistence.workers import WorkerStatus
from domain.reports.report import Report
from domain.runs.status import Reason
from entrypoints.api.shared.request_models import MAX_BIGINT, MAX_INTEGER, LongText, RequestModel, ShortText, StatusField, Timestamp

Id = Annotated[int, Field(ge=1, le=MAX_BIGINT)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Pool = Annotated[str, Field(min_length=1, max_length=100)]


def _to_pairs(value: Any) -> Any:
    """JSON has lists where a pair is meant."""
    if isinstance(value, list):
        return [tuple(item) if isinstance(item, list) else item for item in value]
    return value


def _require_timestamp(value: datetime | None) -> datetime:
    if value is None:
        raise ValueError("is a time")
    return value


Holding = Annotated[list[tuple[str, int]], BeforeValidator(_to_pairs), Field(max_length=10_000)]
RequiredTimestamp = Annotated[Timestamp, AfterValidator(_require_timestamp)]
Line = tuple[Count, RequiredTimestamp, Literal["stdout", "stderr", "headgate"], Annotated[str, Field(max_length=1 << 20)]]


class WorkerModel(RequestModel):
    """A worker process and its slots."""

    worker_id: ShortText
    name: ShortText
    pool: Pool
    slots: Count
    free: Count
    version: Annotated[str, Field(max_length=100)] = ""

    def seen(self) -> WorkerStatus:
        return WorkerStatus(self.worker_id, self.name, self.pool, self.slots, self.free, self.version)


class HeldDispatchModel(RequestModel):
    run_id: Id
    epoch: Id
    holding: Holding = []

    def held(self) -> HeldDispatch:
        return HeldDispatch(self.run_id, self.epoch, frozenset(self.holding))


class HeartbeatRequest(WorkerModel):
    """I live, and this is what I hold."""

    received: Count | None = None
    takes_work: bool = True
    dispatches: Annotated[list[HeldDispatchModel], Field(max_length=10_000)] = []

    def beat(self) -> HeartbeatCommand:
        return HeartbeatCommand(self.seen(), [dispatch.held() for dispatch in self.dispatches], self.received, self.takes_work)


class ClaimRequest(RequestModel):
    worker_id: ShortText
    capacity: Count


class WorkerReportModel(RequestModel):
    event_id: ShortText
    stage: Annotated[str, Field(min_length=1, max_length=100)]
    attempt: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    status: StatusField
    reason: Literal["timeout", "error"] | None = None
    records_processed: Annotated[int, Field(ge=0, le=MAX_BIGINT)] | None = None
    error_message: LongText | None = None
    message: LongText | None = None
    output: Any = None

    def report(self) -> WorkerReport:
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
    """What became of the stages of a dispatch."""

    worker_id: ShortText
    capacity: Count
    free: Count = 0
    received: Count | None = None
    holding: Holding = []
    hand_back: bool = False
    reports: Annotated[list[WorkerReportModel], Field(max_length=10_000)] = []

    def advance(self, run_id: int, epoch: int) -> AdvanceCommand:
        reports = [item.report() for item in self.reports]
        return AdvanceCommand(self.worker_id, run_id, epoch, self.capacity, reports, frozenset(self.holding), self.hand_back)


class FlowRunRecordedRequest(RequestModel):
    worker_id: ShortText
    flow_run_id: ShortText


class AppendLogRequest(RequestModel):
    """Lines of one attempt, as the stage host read them."""

    run_id: Id
    stage: Annotated[str, Field(min_length=1, max_length=100)]
    attempt: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    lines: Annotated[list[Line], BeforeValidator(_to_pairs), Field(max_length=100_000)]

    def new_lines(self) -> list[NewLogLine]:
        return [NewLogLine(index, at, stream, text) for index, at, stream, text in self.lines]


class FlowRunRequest(RequestModel):
    flow_run_id: ShortText


class LeaveRequest(RequestModel):
    worker_id: ShortText
