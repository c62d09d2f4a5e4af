"""What worker processes send."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from application.commands.carry_burst import Advance, WorkerReport
from application.commands.heartbeat import Beat, HeldBurst
from application.ports.persistence import NewLine, WorkerSeen
from domain.reports import Report
from domain.status import Reason
from entrypoints.api.bodies import BIGINT, INTEGER, LongText, Moment, Name, Reported, Shape

Id = Annotated[int, Field(ge=1, le=BIGINT)]
Count = Annotated[int, Field(ge=0, le=INTEGER)]
Pool = Annotated[str, Field(min_length=1, max_length=100)]


def _pairs(value: Any) -> Any:
    """JSON has lists where a pair is meant."""
    if isinstance(value, list):
        return [tuple(item) if isinstance(item, list) else item for item in value]
    return value


def _present(value: datetime | None) -> datetime:
    if value is None:
        raise ValueError("is a time")
    return value


Holding = Annotated[list[tuple[str, int]], BeforeValidator(_pairs), Field(max_length=10_000)]
At = Annotated[Moment, AfterValidator(_present)]
Line = tuple[Count, At, Literal["stdout", "stderr", "headgate"], Annotated[str, Field(max_length=1 << 20)]]


class WorkerShape(Shape):
    """A worker process and its slots."""

    worker_id: Name
    name: Name
    pool: Pool
    slots: Count
    free: Count
    version: Annotated[str, Field(max_length=100)] = ""

    def seen(self) -> WorkerSeen:
        return WorkerSeen(self.worker_id, self.name, self.pool, self.slots, self.free, self.version)


class HeldShape(Shape):
    run_id: Id
    epoch: Id
    holding: Holding = []

    def held(self) -> HeldBurst:
        return HeldBurst(self.run_id, self.epoch, frozenset(self.holding))


class BeatBody(WorkerShape):
    """I live, and this is what I hold."""

    received: Count | None = None
    takes_work: bool = True
    bursts: Annotated[list[HeldShape], Field(max_length=10_000)] = []

    def beat(self) -> Beat:
        return Beat(self.seen(), [burst.held() for burst in self.bursts], self.received, self.takes_work)


class ClaimBody(Shape):
    worker_id: Name
    capacity: Count


class WorkerReportShape(Shape):
    event_id: Name
    stage: Annotated[str, Field(min_length=1, max_length=100)]
    attempt: Annotated[int, Field(ge=1, le=INTEGER)]
    status: Reported
    reason: Literal["timeout", "error"] | None = None
    records_processed: Annotated[int, Field(ge=0, le=BIGINT)] | None = None
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


class AdvanceBody(Shape):
    """What became of the stages of a burst."""

    worker_id: Name
    capacity: Count
    free: Count = 0
    received: Count | None = None
    holding: Holding = []
    hand_back: bool = False
    reports: Annotated[list[WorkerReportShape], Field(max_length=10_000)] = []

    def advance(self, run_id: int, epoch: int) -> Advance:
        reports = [item.report() for item in self.reports]
        return Advance(self.worker_id, run_id, epoch, self.capacity, reports, frozenset(self.holding), self.hand_back)


class RecordedBody(Shape):
    worker_id: Name
    flow_run_id: Name


class LogBody(Shape):
    """Lines of one attempt, as the stage host read them."""

    run_id: Id
    stage: Annotated[str, Field(min_length=1, max_length=100)]
    attempt: Annotated[int, Field(ge=1, le=INTEGER)]
    lines: Annotated[list[Line], BeforeValidator(_pairs), Field(max_length=100_000)]

    def new_lines(self) -> list[NewLine]:
        return [NewLine(index, at, stream, text) for index, at, stream, text in self.lines]


class FlowRunBody(Shape):
    flow_run_id: Name


class LeaveBody(Shape):
    worker_id: Name
