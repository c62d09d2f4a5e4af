"""Simulates web processes that open the runs of schedules, under faults, and finds ticks that are lost or doubled."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile
from random import Random
from typing import Any

from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.runs.run_opener import RunOpener
from application.ports.persistence.schedules import NewSchedule, StoredSchedule
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.loop import run_service
from application.services.schedules.schedule_times import ScheduleTimes
from application.services.schedules.tick_service import TickService
from domain.errors import Unavailable
from domain.pipelines.parsing import parse_definition
from domain.runs.status import Status
from domain.schedules.definition import OverlapPolicy
from domain.schedules.tick import Tick, TickState
from tests.fakes import FakeParameterSchemas
from tests.fakes.system.clock import START
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.simulation.actors.store import SimulatedStore
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.virtual_loop import VirtualLoop
from tests.simulation.schedules.store_clock import StoreClock

TIMES = ScheduleTimes(CronsimExpressions())
FAULTS = ("kill web", "freeze web", "store away", "store stands still", "disk full", "clock forward", "clock back")
OUTAGES = (1.0, 30.0, 90.0, 900.0, 10_800.0)
"""How long the store is away, or how far the clock is set, in seconds: three hours at most."""
RECOVERY_SECONDS = 600.0


class TickWeb(Process):
    """The tick service of a web process. Each boot starts with empty memory."""

    def __init__(self, simulation: "TickSimulation", name: str) -> None:
        super().__init__(name, simulation.violations.append)
        self._simulation = simulation

    def boot(self) -> None:
        self.is_up = True
        self.wakeups = LocalWakeups(InMemoryWorkerStreams(), frozenset({"headgate"}))
        store, clock = self._simulation.store, self._simulation.clock
        opener = RunOpener(FakeParameterSchemas(), clock, self.wakeups, self._simulation.disk)
        service = TickService(store.open_unit_of_work, opener, TIMES, self.wakeups, NullTelemetry())
        self.run_in_background(run_service(service, service.wait, self._report_failure))

    def _report_failure(self, service: str, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            self._on_defect(f"{self.name}: {service} failed: {error!r}")


class TickSimulation:
    """`violations` are sentences about broken promises, `faults` the number of each fault."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"{seed}:ticks")
        self.loop = VirtualLoop(Random(f"{seed}:order"))
        self.clock = StoreClock(self.loop)
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self.disk = FakeDiskSpace()
        self.store = SimulatedStore(self.clock, Random(f"{seed}:store"), lambda _: None)
        self.webs = [TickWeb(self, f"web{number}") for number in range(self.random.choice((1, 2, 3)))]
        self._lock_checks = 0

    async def run(self) -> None:
        """Fire schedules under faults, repair everything, and check the ticks after a while."""
        await self._add_pipelines()
        for web in self.webs:
            web.boot()
        people = Process("people", self.violations.append)
        people.run_in_background(self._end_runs())
        people.run_in_background(self._watch_overlaps())
        self.store.cut_connections = self.random.choice((0.0, 0.02, 0.1))
        self.store.lost_answers = self.random.choice((0.0, 0.05, 0.3))
        self.store.slow_statements = self.random.choice((0.0, 0.05))
        for _ in range(self.random.choice((2, 4, 6))):
            await asyncio.sleep(self.random.uniform(1.0, 120.0))
            await self._cause_fault(self.random.choice(FAULTS))
        self.store.cut_connections = self.store.lost_answers = self.store.slow_statements = 0.0
        await asyncio.sleep(RECOVERY_SECONDS)
        self._check_ticks()

    async def _add_pipelines(self) -> None:
        """Store a pipeline with up to three schedules."""
        stages = [{"name": "work", "kind": "command", "command": ["true"]}]
        schedules = [self._draw_schedule(f"s{number}") for number in range(self.random.choice((1, 2, 3)))]
        definition = parse_definition({"name": "p", "stages": stages, "schedules": schedules})
        async with self.store.open_unit_of_work() as work:
            pipeline = await work.pipelines.add(definition, self.clock.now())
            times = [TIMES.find_next(pipeline.id, each, START) for each in definition.schedules]
            new = [NewSchedule(pipeline.id, each.name, *time) for each, time in zip(definition.schedules, times, strict=True) if time]
            await work.schedules.add(new)
            await work.commit()

    def _draw_schedule(self, name: str) -> dict[str, Any]:
        choice = self.random.choice
        return {
            "name": name,
            "every": choice((20, 60, 60, 600)),
            "jitter": choice((0, 0, 4)),
            "overlap": choice(("skip", "queue_one", "queue_all", "cancel_running", "allow")),
            "catch_up": choice(("none", "latest", "all")),
            "catch_up_window": choice((60, 600, 86_400)),
        }

    # -- faults --------------------------------------------------------------------------------------------------------

    async def _cause_fault(self, kind: str) -> None:
        self.faults[kind] += 1
        seconds, web = self.random.choice(OUTAGES), self.random.choice(self.webs)
        match kind:
            case "kill web":
                web.kill()
                await asyncio.sleep(min(seconds, 90.0))
                web.boot()
            case "freeze web":
                web.freeze()
                await asyncio.sleep(min(seconds, 90.0))
                web.thaw()
            case "store away":
                self.store.is_down = True
                await asyncio.sleep(seconds)
                self.store.is_down = False
            case "store stands still":
                self.store.stand_still()
                await asyncio.sleep(min(seconds, 90.0))
                self.store.resume()
            case "disk full":
                self.disk.sentence = "The disk is full."
                await asyncio.sleep(min(seconds, 900.0))
                self.disk.sentence = None
            case "clock forward":
                self.clock.jump(seconds)
            case "clock back":
                self.clock.jump(-min(seconds, 300.0))

    async def _end_runs(self) -> None:
        """End each run after a while, and those that were cancelled soon, as workers do. Wake a web's services."""
        while True:
            await asyncio.sleep(self.random.choice((0.5, 2.0, 20.0)))
            for run_id in [run.id for run in self.store.committed.runs.values() if not run.is_over]:
                with suppress(Unavailable):
                    await self._end_run(run_id)

    async def _end_run(self, run_id: int) -> None:
        async with self.store.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            if run.is_over:
                return
            run.set_verdict(Status.COMPLETED, self.clock.now(), None)
            await work.runs.save(run)
            await work.commit()
        web = self.random.choice(self.webs)
        if web.is_up:
            web.wakeups.notify_committed([run])

    # -- checks --------------------------------------------------------------------------------------------------------

    async def _watch_overlaps(self) -> None:
        """Only runs of schedules that allow it may be unfinished at the same time."""
        while True:
            await asyncio.sleep(0.3)
            tables = self.store.committed
            unfinished = Counter(run.trigger.schedule_id for run in tables.runs.values() if not run.is_over)
            for schedule, definition in self._list_schedules():
                if unfinished[schedule.id] > 1 and definition.overlap is not OverlapPolicy.ALLOW:
                    self.violations.append(f"{schedule.name} has {unfinished[schedule.id]} unfinished runs at {self.loop.time():.1f}")

    def _list_schedules(self) -> Iterator[tuple[StoredSchedule, Any]]:
        tables = self.store.committed
        for schedule in tables.schedules.values():
            yield schedule, next(each for each in tables.revisions[schedule.pipeline_id, 1].schedules if each.name == schedule.name)

    def _check_ticks(self) -> None:
        by_schedule: defaultdict[int, list[Tick]] = defaultdict(list)
        for tick in sorted(self.store.committed.ticks.values(), key=lambda tick: tick.due_at):
            by_schedule[tick.schedule_id].append(tick)
        for schedule, definition in self._list_schedules():
            self._check_coverage(schedule, definition, by_schedule[schedule.id])
        self._check_runs()
        for tick in self.store.committed.ticks.values():
            if tick.run_id is None and (tick.reason is None or not tick.message):
                self.violations.append(f"{tick} says no reason")

    def _check_coverage(self, schedule: StoredSchedule, definition: Any, ticks: list[Tick]) -> None:
        """Each time until the last decided one has a row, or is counted by one, exactly once; and nothing is overdue."""
        last = schedule.last_due_at or START
        later = [tick for tick in ticks if tick.due_at > last]
        upcoming = (time.due_at for time in TIMES.iterate(schedule.pipeline_id, definition, START))
        expected = list(takewhile(lambda due_at: due_at <= last, upcoming))
        covered: list[datetime] = []
        for tick in ticks:
            if tick.due_at <= last:
                start = expected.index(tick.due_at)
                covered += expected[start : start + tick.count]
        if covered != expected:
            missing, extra = set(expected) - set(covered), len(covered) - len(set(covered))
            self.violations.append(f"{schedule.name}: {len(missing)} ticks without a row, {extra} doubled")
        if later:
            self.violations.append(f"{schedule.name}: {len(later)} ticks after the last decided one, {last}")
        overdue = schedule.next_fire_at is not None and schedule.next_fire_at < self.clock.now() - timedelta(seconds=60)
        if overdue and self.disk.sentence is None:
            self.violations.append(f"{schedule.name} was due at {schedule.next_fire_at}")

    def _check_runs(self) -> None:
        """Each run was opened by one tick, and each tick that says so opened one run."""
        tables = self.store.committed
        opened = Counter(tick.run_id for tick in tables.ticks.values() if tick.run_id is not None)
        if opened != Counter(tables.runs.keys()):
            self.violations.append(f"ticks opened {sorted(opened)}, but there are runs {sorted(tables.runs)}")
        for tick in tables.ticks.values():
            if (tick.state in (TickState.FIRED, TickState.LATE)) != (tick.run_id is not None):
                self.violations.append(f"{tick} is {tick.state} with run {tick.run_id}")
            elif tick.run_id is not None and tables.runs[tick.run_id].trigger.scheduled_for != tick.due_at:
                self.violations.append(f"run {tick.run_id} is for another tick than {tick.due_at}")


def simulate_ticks(seed: int) -> TickSimulation:
    """Return the simulation after its end."""
    simulation = TickSimulation(seed)
    simulation.loop.run(simulation.run())
    return simulation
