"""The use cases and services of one process over fakes, and the moves that tests repeat."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from dependency_injector import providers

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceResult, WorkerReport
from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.trigger_pipeline import TriggerCommand, TriggerResult
from application.ports.dispatch.worker_messages import Claim
from application.queries.views.runs import RunView
from domain.reports.report import Report
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from entrypoints.container import Application
from tests.fakes.adapters import FakeAdapters
from tests.support.builders import some_stages

WORKER = "worker-1"


class UseCaseHarness:
    """`beside()` is another web process on the same store, clock and engine."""

    def __init__(self, adapters: FakeAdapters | None = None, warm_pools: tuple[str, ...] = ("headgate",)) -> None:
        self.fakes = adapters or FakeAdapters()
        settings = SimpleNamespace(
            lease_seconds=20.0, log_bytes_per_stage=1_000, warm_pools=warm_pools, keep_events_days=90.0, keep_logs_days=30.0
        )
        bundle = providers.DependenciesContainer(
            clock=providers.Object(self.fakes.clock),
            open_unit_of_work=providers.Object(self.fakes.open_unit_of_work),
            reader=providers.Object(self.fakes.reader),
            change_feed=providers.Object(self.fakes.change_feed),
            orchestrator=providers.Object(self.fakes.orchestrator),
            worker_streams=providers.Object(self.fakes.worker_streams),
            tokens=providers.Object(self.fakes.tokens),
            schemas=providers.Object(self.fakes.schemas),
            retention=providers.Object(self.fakes.retention),
            disk_space=providers.Object(self.fakes.disk_space),
            installation=providers.Object("installation-1"),
            event_sinks=providers.Object([self.fakes.event_sink]),
        )
        self.app = Application(settings=settings, adapters=bundle)

    def as_other_process(self) -> "UseCaseHarness":
        return UseCaseHarness(self.fakes.as_other_process())

    async def create(self, stages: Any = 3, name: str = "nightly", **keys: Any) -> int:
        pipeline = await self.app.create_pipeline()({"name": name, "stages": some_stages(stages), **keys})
        return pipeline.id

    async def trigger(self, pipeline: int | str = "nightly", parameters: Mapping[str, Any] | None = None) -> TriggerResult:
        return await self.app.trigger_pipeline()(TriggerCommand(pipeline, parameters or {}, Trigger("api", "mara")))

    async def claim(self, run_id: int, epoch: int = 1, worker: str = WORKER, capacity: int = 4) -> Claim:
        return await self.app.claim_dispatch()(run_id, epoch, worker, capacity)

    async def advance(
        self, run_id: int, *ends: tuple[str, str] | WorkerReport, epoch: int = 1, worker: str = WORKER, capacity: int = 4, **keys: Any
    ) -> AdvanceResult:
        """`ends` are (stage, status) for first attempts, or whole reports."""
        reports = [end if isinstance(end, WorkerReport) else worker_report(run_id, end[0], end[1], epoch=epoch) for end in ends]
        return await self.app.advance_dispatch()(AdvanceCommand(worker, run_id, epoch, capacity, reports, **keys))

    async def report(self, *updates: StatusUpdate) -> list[ReportResult]:
        return await self.app.report_status()(list(updates))

    async def run(self, run_id: int) -> RunView:
        run = await self.fakes.reader.run(run_id)
        assert run is not None
        return run

    async def statuses(self, run_id: int) -> dict[str, Status]:
        return {stage.name: stage.status for stage in (await self.run(run_id)).stages}


def worker_report(
    run_id: int, stage: str, status: str, *, attempt: int = 1, epoch: int = 1, reason: Reason | None = None, **details: Any
) -> WorkerReport:
    report = Report(Status(status), stage, attempt, reason=reason, **details)
    return WorkerReport(f"{run_id}:{stage}:{attempt}:{epoch}:{status}", report)


def update(
    status: str,
    stage: str | None = None,
    *,
    pipeline: int | str | None = "remote",
    run_id: int | None = None,
    event_id: str | None = None,
    reporter: str | None = None,
    digest: bytes = b"1",
    **details: Any,
) -> StatusUpdate:
    return StatusUpdate(Report(Status(status), stage, **details), pipeline, run_id, event_id, reporter, digest)
