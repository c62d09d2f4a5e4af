"""A web process: use cases and services on the shared store, with its own worker streams, wake-ups and feed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceDispatch, AdvanceResult
from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.commands.dispatches.claims import DispatchRules
from application.commands.dispatches.eager_claim import EagerClaimer
from application.commands.dispatches.record_dispatch import RecordDispatch
from application.commands.dispatches.record_flow_run import RecordFlowRun
from application.commands.reports.report_results import ReportResult
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.append_log import AppendLog
from application.commands.runs.cancel_run import CancelResult, CancelRun
from application.commands.runs.run_opener import RunOpener, TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerPipeline, TriggerResult
from application.commands.workers.record_heartbeat import HeartbeatCommand, HeartbeatResult, RecordHeartbeat
from application.commands.workers.register_worker import RegisterWorker
from application.ports.dispatch.worker_messages import Claim
from application.ports.persistence.logs import NewLogLine, UnfinishedLines
from application.ports.persistence.workers import WorkerStatus
from application.services.backfills.backfill_service import BackfillService
from application.services.concurrency.grant_service import GrantService
from application.services.dispatch.dispatcher import Dispatcher
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.dispatch.outbox_relay import OutboxRelay
from application.services.dispatch.prefect_reconciler import PrefectReconciler
from application.services.feed.change_notifier import ChangeNotifier
from application.services.feed.event_hub import EventHub
from application.services.feed.feed_reader import FeedReader
from application.services.loop import no_wait, run_service, wait_seconds
from application.services.maintenance.due_run_sweeper import DueRunSweeper
from application.services.maintenance.lease_sweeper import LeaseSweeper
from application.services.schedules.tick_service import TickService
from domain.access.actor import Actor
from domain.errors import Unavailable
from entrypoints.api.events.event_broadcaster import EventBroadcaster
from entrypoints.api.workers.responses import StoredLinesResponse
from tests.fakes import FakeExecutionTokens, FakeParameterSchemas
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.simulation.actors.change_feed import SimulatedFeed
from tests.simulation.actors.prefect import RelayProcess, recording_for_worker
from tests.simulation.backfills.backfill_routes import BackfillRoutes
from tests.simulation.context import SimulationContext
from tests.simulation.limits.limit_routes import LimitRoutes
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.stream import SimulatedStream
from tests.simulation.schedules.schedule_plan import Operation
from tests.simulation.schedules.schedule_routes import TIMES, ScheduleRoutes

OWN_POOLS = frozenset({"headgate"})
LEASE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Routes:
    """The use cases that the simulated machines call."""

    trigger: TriggerPipeline
    report: ReportStatus
    cancel: CancelRun
    claim: ClaimDispatch
    advance: AdvanceDispatch
    heartbeat: RecordHeartbeat
    record: RecordDispatch
    recorded: RecordFlowRun
    append_log: AppendLog
    schedules: ScheduleRoutes
    limits: LimitRoutes
    backfills: BackfillRoutes


class Web(Process, RelayProcess):
    """Each boot starts with empty memory."""

    def __init__(self, name: str, context: SimulationContext) -> None:
        super().__init__(name, context.report_defect)
        self._context = context
        self._life = 0

    def boot(self) -> None:
        context = self._context
        self.is_up = True
        self._life += 1
        self.links = InMemoryWorkerStreams()
        self.hub = EventHub()
        self.feed = SimulatedFeed(context.store, context.feeds, self)
        self.live = EventBroadcaster(self.hub)
        self.wakeups = LocalWakeups(self.links, OWN_POOLS)
        self._uow, self._clock = context.store.open_unit_of_work, context.clock
        self.routes = self._routes()
        self._start_services()

    def _routes(self) -> Routes:
        uow, clock, wakeups, tokens, schemas = self._uow, self._clock, self.wakeups, FakeExecutionTokens(), FakeParameterSchemas()
        rules = self._rules = DispatchRules("simulated", LEASE_SECONDS)
        claim = ClaimDispatch(uow, tokens, clock, wakeups, rules)
        self._offers = Dispatcher(self.links, wakeups, claim, uow)
        given = EagerClaimer(self.links, tokens, lambda: rules, OWN_POOLS, self._offers.has_waiting_dispatch)
        self._run_opener = RunOpener(schemas, clock, wakeups, FakeDiskSpace(), given)
        return Routes(
            TriggerPipeline(uow, self._run_opener),
            ReportStatus(uow, schemas, clock, wakeups),
            CancelRun(uow, clock, wakeups),
            claim,
            AdvanceDispatch(uow, tokens, clock, wakeups, rules),
            RecordHeartbeat(uow, tokens, clock, self.links, claim, rules),
            RecordDispatch(uow, self._context.prefect, rules, wakeups),
            RecordFlowRun(uow, wakeups),
            AppendLog(uow, clock, wakeups, 1_000),
            ScheduleRoutes(uow, clock, wakeups),
            LimitRoutes(uow, clock, wakeups),
            BackfillRoutes(uow, clock, wakeups, self._run_opener),
        )

    def _start_services(self) -> None:
        uow, clock, wakeups, prefect, context = self._uow, self._clock, self.wakeups, self._context.prefect, self._context
        offers = self._offers
        relay = OutboxRelay(uow, prefect, clock, wakeups, self._rules, OWN_POOLS, NullTelemetry(), f"{self.name}.{self._life}")
        announce = ChangeNotifier(self.feed, wakeups)
        ticks = TickService(uow, self._run_opener, TIMES, wakeups, NullTelemetry())
        backfills = BackfillService(uow, self._run_opener, wakeups, NullTelemetry())
        grants = GrantService(uow, clock, wakeups, NullTelemetry())
        for service, wait in (
            (announce, announce.wait),
            (FeedReader(self.feed, self.hub, self.links, wakeups, uow), no_wait),
            (offers, offers.wait),
            (relay, relay.wait),
            (ticks, ticks.wait),
            (backfills, backfills.wait),
            (grants, grants.wait),
            (LeaseSweeper(uow, clock, wakeups, self.links, LEASE_SECONDS), wait_seconds(1.0)),
            (DueRunSweeper(uow, clock, wakeups, max_gap_seconds=2 * context.plan.due_every), wait_seconds(context.plan.due_every)),
            (PrefectReconciler(uow, prefect, self.routes.cancel, clock, wakeups), wait_seconds(5.0)),
        ):
            self.run_in_background(run_service(service, wait, self._report_failure))

    def _report_failure(self, service: str, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            self._on_defect(f"{self.name}: {service} failed: {error!r}")

    # -- routes -------------------------------------------------------------------------------------------------------

    async def trigger(self, command: TriggerCommand) -> TriggerResult:
        return await self.routes.trigger(command)

    async def report(self, updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        return await self.routes.report(updates)

    async def cancel(self, run_id: int, actor: str) -> CancelResult:
        return await self.routes.cancel(run_id, Actor(actor))

    async def operate(self, operation: Operation, raw: Mapping[str, Any]) -> None:
        await self.routes.schedules.perform(operation, raw)

    async def claim(self, run_id: int, epoch: int, worker: str, capacity: int) -> Claim:
        return await self.routes.claim(run_id, epoch, worker, capacity)

    async def advance(self, step: AdvanceCommand, free: int, received: int | None) -> AdvanceResult:
        answer = await self.routes.advance(step)
        if received is not None:
            self.links.set_free_slots(step.worker, free - len(answer.starts), received)
        return answer

    async def heartbeat(self, heartbeat: HeartbeatCommand) -> HeartbeatResult:
        return await self.routes.heartbeat(heartbeat)

    async def record(self, run_id: int, epoch: int) -> bool:
        with recording_for_worker():
            return await self.routes.record(run_id, epoch)

    async def recorded(self, run_id: int, epoch: int, flow_run_id: str) -> None:
        await self.routes.recorded(run_id, epoch, flow_run_id)

    async def append_log(
        self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine], is_tail: bool, unfinished: UnfinishedLines | None
    ) -> StoredLinesResponse:
        appended = await self.routes.append_log(run_id, stage, attempt, lines, is_tail=is_tail, unfinished=unfinished)
        return StoredLinesResponse.from_view(appended)

    async def stream(self, worker: WorkerStatus, line: SimulatedStream[Any]) -> None:
        """Send this worker's messages to the stream until either end closes it."""
        try:
            await RegisterWorker(self._uow, self._clock)(worker)
            line.send(None)
            async for message in self.links.open(worker):
                line.send(message)
        except Unavailable:
            pass
        finally:
            line.end()
