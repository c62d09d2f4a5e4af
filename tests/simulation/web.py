"""A web process: the use cases and services over the shared store, its own links, wake-ups and feed; and its routes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.system.links import MemoryLinks
from adapters.telemetry.null import NullTelemetry
from application.commands.append_log import AppendLog
from application.commands.cancel_run import Cancelled, CancelRun
from application.commands.carry_burst import Advance, AdvanceBurst, Advanced, BurstRules, ClaimBurst
from application.commands.claim_at_once import ClaimAtOnce
from application.commands.heartbeat import Beat, BeatAnswer, Heartbeat
from application.commands.note_flow_run import NoteFlowRun
from application.commands.report_status import ReportStatus
from application.commands.status_update import StatusUpdate
from application.commands.trigger_pipeline import TriggerCommand, Triggered, TriggerPipeline
from application.commands.verdicts import Answer
from application.commands.worker_presence import WorkerArrives
from application.ports.links import Claim
from application.ports.persistence import NewLine, WorkerSeen
from application.services.announce import AnnounceChanges
from application.services.follow_feed import FollowFeed
from application.services.hub import Hub
from application.services.loop import at_once, every, keep_running
from application.services.offer_bursts import OfferBursts
from application.services.reconcile import Reconcile
from application.services.relay import RelayOutbox
from application.services.sweep import ExpireLeases, WakeDueRuns
from application.services.wakeups import LocalWakeups
from domain.controls import Person
from domain.errors import Unavailable
from entrypoints.api.live import Live
from tests.fakes import FakeParameterSchemas, FakeTokens
from tests.fakes.disk_space import FakeDiskSpace
from tests.simulation.engine import Relaying
from tests.simulation.feed import SimulatedFeed
from tests.simulation.line import Line
from tests.simulation.process import Process
from tests.simulation.surroundings import Surroundings

WARM = frozenset({"headgate"})
LEASE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Routes:
    """The use cases behind the routes that the simulated machines call."""

    trigger: TriggerPipeline
    report: ReportStatus
    cancel: CancelRun
    claim: ClaimBurst
    advance: AdvanceBurst
    beat: Heartbeat
    recorded: NoteFlowRun
    append_log: AppendLog


class Web(Process, Relaying):
    """Boots as often as it is revived; nothing of an earlier life is left in it."""

    def __init__(self, name: str, around: Surroundings) -> None:
        super().__init__(name, around.defect)
        self._around = around
        self._life = 0

    def boot(self) -> None:
        around = self._around
        self.is_up = True
        self._life += 1
        self.links = MemoryLinks()
        self.hub = Hub()
        self.feed = SimulatedFeed(around.store, around.feeds, self)
        self.live = Live(self.hub)
        self.wakeups = LocalWakeups(self.links, WARM)
        self._uow, self._clock = around.store.open_unit_of_work, around.clock
        self.routes = self._routes()
        self._start_services()

    def _routes(self) -> Routes:
        uow, clock, wakeups, tokens, schemas = self._uow, self._clock, self.wakeups, FakeTokens(), FakeParameterSchemas()
        rules = self._rules = BurstRules("simulated", LEASE_SECONDS)
        claim = ClaimBurst(uow, tokens, clock, wakeups, rules)
        self._offers = OfferBursts(self.links, wakeups, claim, uow)
        given = ClaimAtOnce(self.links, tokens, lambda: rules, WARM, self._offers.is_waited_for)
        return Routes(
            TriggerPipeline(uow, schemas, clock, wakeups, FakeDiskSpace(), given),
            ReportStatus(uow, schemas, clock, wakeups),
            CancelRun(uow, clock, wakeups),
            claim,
            AdvanceBurst(uow, tokens, clock, wakeups, rules),
            Heartbeat(uow, tokens, clock, self.links, claim, rules),
            NoteFlowRun(uow, wakeups),
            AppendLog(uow, clock, wakeups, 1_000),
        )

    def _start_services(self) -> None:
        uow, clock, wakeups, engine, around = self._uow, self._clock, self.wakeups, self._around.engine, self._around
        offers = self._offers
        relay = RelayOutbox(uow, engine, clock, wakeups, self._rules, WARM, NullTelemetry(), f"{self.name}.{self._life}")
        announce = AnnounceChanges(self.feed, wakeups)
        monotonic = asyncio.get_running_loop().time
        for service, wait in (
            (announce, announce.wait),
            (FollowFeed(self.feed, self.hub, self.links, wakeups, uow), at_once),
            (offers, offers.wait),
            (relay, relay.wait),
            (ExpireLeases(uow, clock, wakeups, LEASE_SECONDS, monotonic), every(1.0)),
            (WakeDueRuns(uow, clock, wakeups), every(around.plan.due_every)),
            (Reconcile(uow, engine, self.routes.cancel, clock, wakeups), every(5.0)),
        ):
            self.keep(keep_running(service, wait, self._complain))

    def _complain(self, service: str, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            self._on_defect(f"{self.name}: {service} failed: {error!r}")

    # -- routes -------------------------------------------------------------------------------------------------------

    async def trigger(self, command: TriggerCommand) -> Triggered:
        return await self.routes.trigger(command)

    async def report(self, updates: Sequence[StatusUpdate]) -> list[Answer]:
        return await self.routes.report(updates)

    async def cancel(self, run_id: int, actor: str) -> Cancelled:
        return await self.routes.cancel(run_id, Person(actor))

    async def claim(self, run_id: int, epoch: int, worker: str, capacity: int) -> Claim:
        return await self.routes.claim(run_id, epoch, worker, capacity)

    async def advance(self, step: Advance, free: int, received: int | None) -> Advanced:
        answer = await self.routes.advance(step)
        if received is not None:
            self.links.set_free(step.worker, free, received)
        return answer

    async def heartbeat(self, beat: Beat) -> BeatAnswer:
        return await self.routes.beat(beat)

    async def recorded(self, run_id: int, epoch: int, flow_run_id: str) -> None:
        await self.routes.recorded(run_id, epoch, flow_run_id)

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLine]) -> int:
        return await self.routes.append_log(run_id, stage, attempt, lines)

    async def stream(self, worker: WorkerSeen, line: Line[Any]) -> None:
        """Push this worker's messages into the line until either end is gone."""
        try:
            await WorkerArrives(self._uow, self._clock)(worker)
            line.send(None)
            async for message in self.links.open(worker):
                line.send(message)
        except Unavailable:
            pass
        finally:
            line.end()
