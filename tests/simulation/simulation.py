"""A whole Headgate on a bad day, and what became of it."""

import asyncio
import logging
import random as global_random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from application.commands.runs.trigger_pipeline import TriggerCommand
from application.queries.views.events import EventView
from domain.errors import Conflict, Unavailable
from domain.pipelines.parsing import parse_definition
from domain.runs.trigger import Trigger
from tests.fakes import FakeReader
from tests.fakes.system.clock import START
from tests.simulation.actors.change_feed import FeedRegistry
from tests.simulation.actors.prefect import SimulatedPrefect
from tests.simulation.actors.reporter import Reporter
from tests.simulation.actors.store import SimulatedStore
from tests.simulation.actors.viewer import Viewer
from tests.simulation.actors.web import LEASE_SECONDS, Web
from tests.simulation.actors.worker import FlowProcess, LongLivedWorker
from tests.simulation.context import SimulationContext
from tests.simulation.fault_injector import FaultInjector
from tests.simulation.history import History
from tests.simulation.ledger import Ledger
from tests.simulation.plan import SERVER_FAULTS, Plan
from tests.simulation.runtime.network import Network, NoAnswer
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.virtual_loop import Livelock, VirtualLoop
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

RECOVERY_SECONDS = 400.0
"""Virtual seconds after the chaos in which everything must have come to its end."""
DEADLINE_GRACE = 45.0
"""Seconds an unfinished run may be past a deadline while things are broken: the longest outage, and a pass of each service."""


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """`faults` counts each kind that really happened."""

    plan: Plan
    violations: list[Violation]
    faults: Counter[str]
    acknowledged: int
    history: History
    seconds: float
    steps: int


@contextmanager
def errors_as_defects(on_defect: Callable[[str], None]) -> Iterator[None]:
    """Report each error that the worker logs as a defect: it logs what it cannot handle."""
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: on_defect(f"the worker logged: {record.getMessage()} {record.exc_info or ''}")  # type: ignore[method-assign]
    logger = logging.getLogger("headgate.worker")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class LoopClock:
    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time())


class Simulation:
    """Everything there is, made from a plan; `live` is its whole life."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = VirtualLoop(Random(f"{plan.seed}:order"))
        self.history, self.faults, self.defects = History(), Counter[str](), list[Violation]()
        self._chance = Random(f"{plan.seed}:chance")
        clock = LoopClock(self.loop)
        store = SimulatedStore(clock, Random(f"{plan.seed}:store"), self.record_fault)
        network = Network(Random(f"{plan.seed}:network"), self.record_fault, self.defect)
        feeds = FeedRegistry(lambda: self._chance.random() >= self._deaf)
        self._deaf = 0.0
        self.context = SimulationContext(
            plan=plan,
            clock=clock,
            random=Random(f"{plan.seed}:actors"),
            store=store,
            prefect=SimulatedPrefect(Random(f"{plan.seed}:engine")),
            network=network,
            feeds=feeds,
            history=self.history,
            ledger=Ledger(may_overlap=plan.freezes),
            defect=self.defect,
            note=self.note,
            webs=[],
        )
        self.context.webs += [Web(f"web{index}", self.context) for index in range(plan.webs)]
        self.workers = [LongLivedWorker(f"worker{index}", self.context) for index in range(plan.workers)]
        self.flows: list[FlowProcess] = []
        self.reporters: list[Reporter] = []
        self.viewer = Viewer("viewer", self.context)
        self.people = Process("people", self.defect)
        self._triggering: list[asyncio.Task[None]] = []
        self.reader = FakeReader(store)

    def record_fault(self, fault: str) -> None:
        self.faults[fault] += 1

    def note(self, what: str, *details: Any) -> None:
        self.history.note(self.loop.time(), what, *details)

    def defect(self, sentence: str) -> None:
        self.note("defect", sentence)
        self.defects.append(Violation(WRONG, sentence))

    async def live(self) -> None:
        """Begin, suffer, heal, and come to an end."""
        await self._prepare()
        for process in (*self.context.webs, *self.workers, self.viewer):
            process.boot()
        self.people.is_up = True
        self._begin_noise()
        self.people.keep(self._engines_worker())
        self.people.keep(self._watch_for_runs())
        self._triggering = [self.people.keep(self._trigger(at, pipeline)) for at, pipeline in self.plan.triggers]
        trouble = FaultInjector(self)
        self.people.keep(trouble.make())
        await self._audit_until(self.plan.chaos)
        trouble.heal()
        self._end_noise()
        await self._come_to_an_end()

    async def _prepare(self) -> None:
        async with self.context.store.open_unit_of_work() as work:
            for raw in self.plan.pipelines:
                await work.pipelines.add(parse_definition(raw), START)
            await work.commit()

    def _begin_noise(self) -> None:
        plan, store = self.plan, self.context.store
        self.context.network.noise, self._deaf = plan.noise, plan.deaf
        store.cut, store.slow, store.unsure = plan.cut, plan.slow, plan.unsure
        self.context.prefect.unsure = plan.unsure

    def _end_noise(self) -> None:
        store = self.context.store
        self.context.network.noise = self._deaf = 0.0
        store.cut = store.slow = store.unsure = self.context.prefect.unsure = 0.0

    async def _audit_until(self, end: float) -> None:
        while (left := end - self.loop.time()) > 0:
            await asyncio.sleep(min(5.0, left))
            self._audit()

    def _audit(self) -> None:
        from tests.fakes.queries.run_views import run_view

        tables = self.context.store.committed
        for run in tables.runs.values():
            self.defects += overdue(run_view(tables, run), self.context.clock.now(), grace=DEADLINE_GRACE)

    async def _come_to_an_end(self) -> None:
        await asyncio.sleep(13.0)  # what was sent before the healing may take that long to arrive
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
        )

    # -- people, and machines that are not ours -----------------------------------------------------------------------

    async def _trigger(self, at: float, pipeline: str) -> None:
        await asyncio.sleep(at)
        for _ in range(4):
            web = self.context.a_web()
            command = TriggerCommand(pipeline, {}, Trigger("api", "mara"))
            try:
                opened = await self.context.network.call(web, "trigger", lambda: web.trigger(command))  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1.0)
                continue
            self.note("triggered", opened.run_id)
            self.context.ledger.acknowledged.append(Acknowledged(opened.run_id, 1))
            return

    async def cancel(self, run_id: int) -> None:
        web = self.context.a_web()
        try:
            cancelled = await self.context.network.call(web, "cancel", lambda: web.cancel(run_id, "mara"))
        except (NoAnswer, Unavailable, Conflict):
            return
        self.note("cancelled", run_id, cancelled.status)
        self.context.ledger.acknowledged.append(Acknowledged(run_id))

    async def _watch_for_runs(self) -> None:
        """Machines elsewhere begin to report once there is a run for them, or open one themselves."""
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

    async def _engines_worker(self) -> None:
        """The engine's own worker for a pool that is not ours: starts a process per pending flow run."""
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

    # -- the end ------------------------------------------------------------------------------------------------------

    async def find_violations(self) -> list[Violation]:
        runs, events = await collect_runs_and_events(self.reader)
        for run_id, log in events.items():
            for event in log:
                self.history.note((event.at - START).total_seconds(), event.type, run_id, event.seq, event.stage, event.status)
        ledger = self.context.ledger
        evidence = Evidence(runs, events, ledger.acknowledged, ledger.starts)
        stored = [(run_id, event.seq) for run_id, log in events.items() for event in log]
        prefect = [
            Violation(STUCK, f"{flow_run_id} is still {state} in the engine")
            for flow_run_id, state in self.context.prefect.list_states().items()
            if not state.is_terminal
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
        ]
        return list(dict.fromkeys([*found, *prefect, *outbox, *self._losses(events), *self._double_deliveries()]))

    def _losses(self, events: Mapping[int, Sequence[EventView]]) -> Iterator[Violation]:
        """Only what a worker suffered may cost it a dispatch: not a moment before its lease is over, and no outage of ours."""
        plan = self.plan
        only_ours = not plan.noise and {fault.kind for fault in plan.faults} <= SERVER_FAULTS
        for event in (event for log in events.values() for event in log if event.type == "dispatch.lost"):
            epoch = int(event.data["dispatch"])
            if only_ours:
                yield Violation(LOST, f"run {event.run_id}: dispatch {epoch} was lost by an outage of ours")
            at = (event.at - START).total_seconds()
            if early := self.context.ledger.check_early_loss(event.run_id, epoch, at, LEASE_SECONDS):
                yield early

    def _double_deliveries(self) -> list[Violation]:
        if self.plan.freezes:
            return []  # a relay that stands still for longer than its lease may find the row in other hands
        most = self.context.prefect.max_concurrent_creates
        return [Violation(DOUBLED, f"{count} relays delivered {key} at once") for key, count in most.items() if count > 1]


def simulate(plan: Plan, prepare: Callable[[Simulation], None] | None = None) -> SimulationResult:
    """The outcome of that plan: the same however often it is lived."""
    global_random.seed(plan.seed)  # the relay's jitter
    world = Simulation(plan)
    if prepare is not None:
        prepare(world)

    async def life() -> list[Violation]:
        with errors_as_defects(world.defect):
            await world.live()
        return await world.find_violations()

    try:
        found = world.loop.run(life())
    except Livelock as circle:
        found = [*world.defects, Violation(STUCK, str(circle))]
    acknowledged = len(world.context.ledger.acknowledged)
    return SimulationResult(plan, found, world.faults, acknowledged, world.history, world.loop.time(), world.loop.steps)
