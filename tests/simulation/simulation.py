"""Simulates a whole Headgate installation under faults, and finds violations of its promises."""

import asyncio
import logging
import random as global_random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from application.commands.runs.run_opener import TriggerCommand
from application.queries.views.events import EventView
from application.services.concurrency.limit_sync import update_limits
from application.services.maintenance.due_run_sweeper import GRACE_SECONDS
from application.services.schedules.schedule_sync import ScheduleSync
from domain.errors import Conflict, Unavailable
from domain.pipelines.parsing import parse_definition
from domain.runs.trigger import Trigger
from domain.schedules.tick import TickState
from domain.site_events import SiteEvent, SiteEventType
from tests.fakes import FakeReader
from tests.fakes.system.clock import START
from tests.simulation.actors.change_feed import FeedRegistry
from tests.simulation.actors.prefect import SimulatedPrefect
from tests.simulation.actors.reporter import Reporter
from tests.simulation.actors.store import SimulatedStore
from tests.simulation.actors.viewer import SITE_RUN_ID, Viewer
from tests.simulation.actors.web import LEASE_SECONDS, Web
from tests.simulation.actors.worker import FlowProcess, LongLivedWorker
from tests.simulation.context import SimulationContext
from tests.simulation.fault_injector import FaultInjector
from tests.simulation.history import History
from tests.simulation.ledger import AttemptId, Ledger
from tests.simulation.limits.limit_operators import LimitOperators
from tests.simulation.plan import SERVER_FAULTS, Plan
from tests.simulation.runtime.network import Network, NoAnswer
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.virtual_loop import Livelock, VirtualLoop
from tests.simulation.schedules.operators import Operators
from tests.simulation.schedules.schedule_plan import end_schedules
from tests.simulation.schedules.schedule_routes import TIMES
from tests.simulation.schedules.store_clock import StoreClock
from tests.support.invariants import (
    DOUBLED,
    LOST,
    STUCK,
    WRONG,
    Acknowledged,
    Evidence,
    Violation,
    collect_runs_and_events,
    overdue,
    unfinished,
    violations,
)

FENCE_SECONDS = 7.0
"""The shortest time from the start of an attempt to its fence: a lease is at most half as old as its limit at a start."""
RECOVERY_SECONDS = 400.0
"""Virtual seconds after the faults in which every run must end."""
QUIET_PATIENCE, PATIENCE = 0.5, 15.0
"""Seconds that a request may wait although it fits: without faults, and after the last outage of the store or of a web process."""
DEADLINE_GRACE = 45.0 + GRACE_SECONDS
"""Seconds that a run may exceed a deadline under faults: the longest outage, the grace after it and one pass of each service."""


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """`faults` counts the faults that had an effect, by kind."""

    plan: Plan
    violations: list[Violation]
    faults: Counter[str]
    acknowledged: int
    history: History
    seconds: float
    steps: int


@contextmanager
def errors_as_defects(on_defect: Callable[[str], None]) -> Iterator[None]:
    """Report each error that the worker logs as a report_defect: it logs what it cannot handle."""
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: on_defect(f"the worker logged: {record.getMessage()} {record.exc_info or ''}")  # type: ignore[method-assign]
    logger = logging.getLogger("headgate.worker")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class Simulation:
    """All machines of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = VirtualLoop(Random(f"{plan.seed}:order"))
        self.history, self.faults, self.defects = History(), Counter[str](), list[Violation]()
        self._chance = Random(f"{plan.seed}:chance")
        self.clock = clock = StoreClock(self.loop)
        self.pipelines = {raw["name"]: end_schedules(plan, raw) for raw in plan.pipelines}
        store = SimulatedStore(clock, Random(f"{plan.seed}:store"), self.record_fault)
        network = Network(Random(f"{plan.seed}:network"), self.record_fault, self.report_defect)
        feeds = FeedRegistry(lambda: self._chance.random() >= self._missed_announcements)
        self._missed_announcements = 0.0
        self.context = SimulationContext(
            plan=plan,
            clock=clock,
            random=Random(f"{plan.seed}:actors"),
            store=store,
            prefect=SimulatedPrefect(Random(f"{plan.seed}:engine")),
            network=network,
            feeds=feeds,
            history=self.history,
            ledger=Ledger(may_overlap=plan.freezes or plan.sets_clock),
            report_defect=self.report_defect,
            note=self.note,
            webs=[],
        )
        self.context.webs += [Web(f"web{index}", self.context) for index in range(plan.webs)]
        self.workers = [LongLivedWorker(f"worker{index}", self.context) for index in range(plan.workers)]
        self.flows: list[FlowProcess] = []
        self.reporters: list[Reporter] = []
        self.viewer = Viewer("viewer", self.context)
        self.clients = Process("clients", self.report_defect)
        self.operators = Operators(self.context, self.pipelines)
        self.limit_operators = LimitOperators(self.context, self.pipelines)
        store.limit_watch.list_running = self._list_running
        self._triggering: list[asyncio.Task[None]] = []
        self.reader = FakeReader(store)

    def record_fault(self, fault: str) -> None:
        self.faults[fault] += 1

    def note(self, what: str, *details: Any) -> None:
        self.history.note(self.loop.time(), what, *details)

    def report_defect(self, sentence: str) -> None:
        self.note("report_defect", sentence)
        self.defects.append(Violation(WRONG, sentence))

    async def run(self) -> None:
        """Start everything, inject faults, repair them, and wait until every run has ended."""
        await self._prepare()
        for process in (*self.context.webs, *self.workers, self.viewer):
            process.boot()
        self.clients.is_up = True
        self._start_faults()
        self.clients.run_in_background(self._run_prefect_worker())
        self.clients.run_in_background(self._watch_store())
        self.clients.run_in_background(self._add_reporters())
        self.clients.run_in_background(self._write_site_events())
        self._triggering = [self.clients.run_in_background(self._trigger(at, pipeline)) for at, pipeline in self.plan.triggers]
        self.clients.run_in_background(self.operators.run())
        if self.plan.limit_operations:
            self.clients.run_in_background(self.limit_operators.run(self.clients))
            self.clients.run_in_background(self._watch_requests())
        injector = FaultInjector(self)
        self.clients.run_in_background(injector.run())
        await self._audit_until(self.plan.chaos)
        injector.heal()
        self._stop_faults()
        await self._wait_for_end()

    async def _prepare(self) -> None:
        async with self.context.store.open_unit_of_work() as work:
            if self.plan.group_limits:
                await work.concurrency.lock_groups()
            for group, limit in self.plan.group_limits:
                await work.concurrency.set_group_limit(group, limit, "mara", START)
            for raw in self.pipelines.values():
                pipeline = await work.pipelines.add(parse_definition(raw), START)
                await ScheduleSync(TIMES).add_all(work, pipeline, START)
                if "concurrency" in raw:
                    await update_limits(work, None, pipeline, START, None)
            await work.commit()

    def _start_faults(self) -> None:
        plan, store = self.plan, self.context.store
        self.context.network.message_faults, self._missed_announcements = plan.message_faults, plan.missed_announcements
        store.cut_connections, store.slow_statements, store.lost_answers = plan.cut_connections, plan.slow_statements, plan.lost_answers
        self.context.prefect.lost_answers = plan.lost_answers

    def _stop_faults(self) -> None:
        store = self.context.store
        self.context.network.message_faults = self._missed_announcements = 0.0
        store.cut_connections = store.slow_statements = store.lost_answers = self.context.prefect.lost_answers = 0.0

    async def _audit_until(self, end: float) -> None:
        while (left := end - self.loop.time()) > 0:
            await asyncio.sleep(min(5.0, left))
            self._audit()

    def _audit(self) -> None:
        from tests.fakes.queries.run_views import run_view

        if self.loop.time() - self.clock.jumped_at < DEADLINE_GRACE:
            return
        tables = self.context.store.committed
        for run in tables.runs.values():
            self.defects += overdue(run_view(tables, run), self.context.clock.now(), grace=DEADLINE_GRACE)

    async def _wait_for_end(self) -> None:
        await asyncio.sleep(13.0)  # messages sent before the repair may take that long
        await self.operators.resume_all()
        if self.plan.limit_operations:
            self.clients.run_in_background(self.limit_operators.finish())
        limit = self.loop.time() + RECOVERY_SECONDS
        while self.loop.time() < limit and not self._is_over():
            await asyncio.sleep(1.0)
            if int(self.loop.time()) % 20 == 0:
                self._audit()
        await asyncio.sleep(3.0)

    def _is_over(self) -> bool:
        tables, prefect = self.context.store.committed, self.context.prefect
        return (
            all(run.is_over and run.dispatch.state == "none" for run in tables.runs.values())
            and not tables.outbox
            and all(dispatch.is_settled or not dispatch.flow_run_id for dispatch in tables.dispatches.values())
            and all(reporter.is_done for reporter in self.reporters)
            and all(state.is_terminal for state in prefect.list_states().values())
            and not self.context.ledger.live
            and all(triggering.done() for triggering in self._triggering)
            and all(backfill.finished_at is not None for backfill in tables.backfills.values())
            and self.context.store.backfill_watch.has_followed(tables)
            and (self.limit_operators.is_done or not self.plan.limit_operations)
            and all(schedule.next_due_at is None for schedule in tables.schedules.values())
            and all(tick.state is not TickState.WAITING for tick in tables.ticks.values())
        )

    # -- people and other machines -------------------------------------------------------------------------------------

    async def _trigger(self, at: float, pipeline: str) -> None:
        await asyncio.sleep(at)
        for _ in range(4):
            web = self.context.pick_web()
            command = TriggerCommand(pipeline, {}, Trigger("api", "mara"))
            try:
                opened = await self.context.network.call(web, "trigger", lambda: web.trigger(command))  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1.0)
                continue
            self.note("triggered", opened.run_id)
            self.context.ledger.acknowledged.append(Acknowledged(opened.run_id, 1))
            return

    async def _write_site_events(self) -> None:
        """Write two site events in one transaction every few seconds, as ticks and changes of pipelines do."""
        while self.loop.time() < self.plan.chaos:
            now = self.context.clock.now()
            with suppress(Unavailable):
                async with self.context.store.open_unit_of_work() as work:
                    await work.site_events.add([SiteEvent(kind, now, 1) for kind in (SiteEventType.TICK, SiteEventType.PIPELINE_CHANGED)])
                    await work.commit()
            await asyncio.sleep(3.0)

    async def cancel(self, run_id: int) -> None:
        web = self.context.pick_web()
        try:
            cancelled = await self.context.network.call(web, "cancel", lambda: web.cancel(run_id, "mara"))
        except (NoAnswer, Unavailable, Conflict):
            return
        self.note("cancelled", run_id, cancelled.status)
        self.context.ledger.acknowledged.append(Acknowledged(run_id))

    async def _add_reporters(self) -> None:
        """Add a reporter for each run with external stages, and one that opens a run by its report."""
        for raw in self.plan.pipelines:
            if raw["name"].startswith("remote"):
                self._add_reporter(None, raw)
        known: set[int] = set()
        while True:
            for run in list(self.context.store.committed.runs.values()):
                if run.id not in known:
                    known.add(run.id)
                    raw = next(raw for raw in self.plan.pipelines if raw["name"] == run.definition.name)
                    if run.trigger.kind != "report":
                        self._add_reporter(run.id, raw)
            await asyncio.sleep(1.0)

    def _add_reporter(self, run_id: int | None, raw: Any) -> None:
        external = [stage["name"] for stage in raw["stages"] if stage["kind"] == "external"]
        if external:
            reporter = Reporter(f"reporter{len(self.reporters)}", run_id, raw["name"], external, self.context)
            self.reporters.append(reporter)
            reporter.boot()

    async def _run_prefect_worker(self) -> None:
        """Start a process for each pending flow run of the other pool, as Prefect's own worker does."""
        prefect = self.context.prefect
        while True:
            for flow_run_id in prefect.pending("processes"):
                try:
                    if await prefect.begin(flow_run_id):
                        process = FlowProcess(flow_run_id, prefect.requests[flow_run_id], self.context)
                        self.flows.append(process)
                        process.boot()
                except Unavailable:
                    break
            await asyncio.sleep(1.0)

    async def _watch_requests(self) -> None:
        """Check that no request waits although it fits, except for a while after a fault."""
        watch, pause = self.context.store.limit_watch, QUIET_PATIENCE / 4 if self.plan.is_quiet else 1.0
        while True:
            await asyncio.sleep(pause)
            can_grant = self.context.store.is_available and all(web.is_up and not web.is_frozen for web in self.context.webs)
            patience = (QUIET_PATIENCE if self.plan.is_quiet else PATIENCE) if can_grant else float("inf")
            watch.check_waiting(self.context.store.committed, self.loop.time(), patience)

    def _list_running(self) -> list[AttemptId]:
        """Return the attempts whose processes run; none if a frozen worker may run what it has lost."""
        return [] if self.plan.freezes or self.plan.sets_clock else [attempt for attempt, _ in self.context.ledger.live]

    async def _watch_store(self) -> None:
        """Record the store's outages for the ledger."""
        while True:
            self.context.ledger.record_store(is_available=self.context.store.is_available)
            await asyncio.sleep(1.0)

    # -- judgement ------------------------------------------------------------------------------------------------------

    async def find_violations(self) -> list[Violation]:
        runs, events = await collect_runs_and_events(self.reader)
        for run_id, log in events.items():
            for event in log:
                self.history.note((event.at - START).total_seconds(), event.type, run_id, event.seq, event.stage, event.status)
        ledger = self.context.ledger
        evidence = Evidence(runs, events, ledger.acknowledged, ledger.starts)
        stored = [(run_id, event.seq) for run_id, log in events.items() for event in log]
        stored += [(SITE_RUN_ID, event_id) for event_id in self.context.store.committed.site_events]
        prefect = [
            Violation(STUCK, f"{flow_run_id} is still {state} in Prefect")
            for flow_run_id, state in self.context.prefect.list_states().items()
            if not state.is_terminal and not self._ended_unseen(flow_run_id)
        ]
        outbox = [Violation(STUCK, f"the outbox still has {row}") for row in self.context.store.committed.outbox.values()]
        lines = Counter((run_id, line.stage, line.attempt) for (run_id, _), line in self.context.store.committed.log_lines.items())
        found = [
            *self.defects,
            *ledger.check_lines(lines),
            *violations(evidence),
            *unfinished(runs),
            *ledger.check_end(),
            *self.viewer.violations(stored),
            *self.context.store.tick_watch.check_end(self.context.store.committed, self._list_schedules()),
            *self.context.store.limit_watch.check_end(self.context.store.committed),
            *self.context.store.backfill_watch.check_end(self.context.store.committed),
        ]
        undue = [] if self.plan.sets_clock else [*self._find_undue_losses(events), *self._find_undue_timeouts(events)]
        return list(dict.fromkeys([*found, *prefect, *outbox, *undue, *self._find_double_deliveries()]))

    def _ended_unseen(self, flow_run_id: str) -> bool:
        """Return True if Headgate closed the dispatch before it knew the flow run, and Prefect's server did not see the end of its process.

        The process was killed, or the server did not respond. Prefect's own worker, which is not simulated, then sets the state.
        """
        parameters = self.context.prefect.requests[flow_run_id].parameters
        dispatch = self.context.store.committed.dispatches.get((int(parameters["run_id"]), int(parameters["epoch"])))
        if dispatch is None:  # its commit failed
            return False
        is_unknown = dispatch.ended_at is not None and not dispatch.is_claimed and dispatch.flow_run_id is None
        unseen = (flow.name for flow in self.flows if flow.process.is_halted or flow.has_lost_end)
        return is_unknown and flow_run_id in unseen

    def _list_schedules(self) -> dict[str, Any]:
        return {schedule["name"]: schedule for raw in self.pipelines.values() for schedule in raw.get("schedules", ())}

    def _find_undue_losses(self, events: Mapping[int, Sequence[EventView]]) -> Iterator[Violation]:
        """A worker may lose a dispatch by its own faults only, and never before its lease expires."""
        plan = self.plan
        only_ours = not plan.message_faults and {fault.kind for fault in plan.faults} <= SERVER_FAULTS
        for event in (event for log in events.values() for event in log if event.data.get("reason") == "fenced"):
            attempt = event.run_id, event.stage or "", event.attempt or 0
            if early := self.context.ledger.check_early_fence(attempt, (event.at - START).total_seconds(), FENCE_SECONDS):
                yield early
        for event in (event for log in events.values() for event in log if event.type == "dispatch.lost"):
            epoch = int(event.data["dispatch"])
            if only_ours:
                yield Violation(LOST, f"run {event.run_id}: dispatch {epoch} was lost although no worker had a fault")
            at = (event.at - START).total_seconds()
            if early := self.context.ledger.check_early_loss(event.run_id, epoch, at, LEASE_SECONDS):
                yield early

    def _find_undue_timeouts(self, events: Mapping[int, Sequence[EventView]]) -> Iterator[Violation]:
        """No deadline may be enforced right after an outage of the store, which no report could pass."""
        for event in (event for log in events.values() for event in log if event.data.get("reason") == "timeout"):
            at = (event.at - START).total_seconds()
            is_of_worker = event.actor is not None
            if not is_of_worker and (early := self.context.ledger.check_early_timeout(event.run_id, at)):
                yield early

    def _find_double_deliveries(self) -> list[Violation]:
        if self.plan.freezes:
            return []  # a relay that freezes for longer than its lease may lose the row to another
        most = self.context.prefect.max_concurrent_creates
        return [Violation(DOUBLED, f"{count} relays delivered {key} at once") for key, count in most.items() if count > 1]


def simulate(plan: Plan, prepare: Callable[[Simulation], None] | None = None) -> SimulationResult:
    """Run a simulation. The same plan always gives the same result."""
    global_random.seed(plan.seed)  # for the jitter of the outbox relay
    simulation = Simulation(plan)
    if prepare is not None:
        prepare(simulation)

    async def run() -> list[Violation]:
        with errors_as_defects(simulation.report_defect):
            await simulation.run()
        return await simulation.find_violations()

    try:
        found = simulation.loop.run(run())
    except Livelock as error:
        found = [*simulation.defects, Violation(STUCK, str(error))]
    acknowledged = len(simulation.context.ledger.acknowledged)
    return SimulationResult(plan, found, simulation.faults, acknowledged, simulation.history, simulation.loop.time(), simulation.loop.steps)
