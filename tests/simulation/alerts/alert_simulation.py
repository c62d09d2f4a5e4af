"""Simulates two web processes that judge runs and deliver alerts, under kills and failures of channels."""

import asyncio
import random as global_random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

from application.commands.alerts.create_silence import NewSilence
from application.ports.persistence.pipelines import StoredPipeline
from application.services.loop import run_service
from domain.access.actor import Actor
from domain.errors import Conflict, Unavailable
from domain.runs.status import Status
from tests.fakes import FakeAdapters
from tests.simulation.actors.store import SimulatedStore
from tests.simulation.alerts.alert_checks import Events, find_violations
from tests.simulation.alerts.simulated_channels import SimulatedChannels
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.virtual_loop import VirtualLoop
from tests.simulation.schedules.store_clock import StoreClock
from tests.support.builders import a_run_of
from tests.support.in_process import InProcessHeadgate
from tests.support.stored_alerts import add_channel

CHANNELS = ("team", "pager", "mail")
FAULTS = ("kill", "kill", "channel away", "silence", "silence all", "acknowledge", "acknowledge")
CHAOS_SECONDS, RECOVERY_SECONDS = 600.0, 5_000.0
MARA = Actor("mara")


class AlertWeb(Process):
    """The services of alerts of a web process. It ends without any cleanup; a new one takes its place."""

    def __init__(self, simulation: "AlertSimulation", name: str) -> None:
        super().__init__(name, simulation.violations.append)
        fakes = FakeAdapters(clock=simulation.clock, store=simulation.store)  # type: ignore[arg-type]
        self.headgate = InProcessHeadgate(fakes=fakes, ports={"channel_sender": simulation.channels})
        self.is_up = True

    def boot(self) -> None:
        application = self.headgate.application
        for service in (application.alert_judge(), application.delivery_service()):
            self.run_in_background(run_service(service, service.wait, self._report_failure))

    def _report_failure(self, service: str, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            self._on_defect(f"{self.name}: {service} failed: {error!r}")


class AlertSimulation:
    """`violations` are sentences about broken promises, `faults` the number of each fault."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"{seed}:alerts")
        self.loop = VirtualLoop(Random(f"{seed}:order"))
        self.clock = StoreClock(self.loop)
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self.events = Events()
        self.store = SimulatedStore(self.clock, Random(f"{seed}:store"), lambda _: None)
        self.channels = SimulatedChannels(Random(f"{seed}:channels"))
        self.webs: list[AlertWeb] = []
        self.pipelines: list[StoredPipeline] = []

    async def run(self) -> None:
        """Let runs fail and recover under faults, repair everything, and check what arrived after a while."""
        for name in CHANNELS:
            await add_channel(self.store.open_unit_of_work, name)
        self.webs = [self._start_web(f"web{number}") for number in range(2)]
        await asyncio.sleep(60.0)  # the first pass of a judge begins at that moment
        for number in range(self.random.choice((1, 2, 8))):
            self.pipelines.append(await self._add_pipeline(number))
        self.channels.refusals, self.channels.lost = self.random.choice((0.0, 0.2)), self.random.choice((0.0, 0.0, 0.1))
        self.store.slow_statements = self.random.choice((0.0, 0.05))
        people = Process("people", self.violations.append)
        runs = [people.run_in_background(self._run_again_and_again(pipeline)) for pipeline in self.pipelines]
        end = self.loop.time() + CHAOS_SECONDS
        for _ in range(self.random.choice((0, 3, 6))):
            await asyncio.sleep(self.random.uniform(1.0, (end - self.loop.time()) / 3))
            await self._cause_fault(self.random.choice(FAULTS))
        await asyncio.gather(*runs)
        self.channels.refusals = self.channels.lost = self.store.slow_statements = 0.0
        self.channels.away.clear()
        await asyncio.sleep(RECOVERY_SECONDS)
        tables = self.store.committed
        self.violations += find_violations(tables, self.channels.arrivals, self.channels.lost_answers, self.events)

    def _start_web(self, name: str) -> AlertWeb:
        web = AlertWeb(self, name)
        web.boot()
        return web

    async def _add_pipeline(self, number: int) -> StoredPipeline:
        choice = self.random.choice
        rule: dict[str, Any] = {"name": "on-call", "on": ["failed"], "after": choice((1, 1, 2)), "recovery": choice((True, True, False))}
        rule["to"] = [choice(("team", "mail")), {"channel": "pager", "after": "1m"}] if choice((True, False)) else list(CHANNELS[:2])
        if choice((True, False)):
            rule["remind"] = "5m"
        pipeline_id = await self.webs[0].headgate.use_cases.create_pipeline(1, f"p{number}", alerts=[rule])
        async with self.store.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(pipeline_id)
        assert pipeline is not None
        return pipeline

    # -- runs, people and faults ----------------------------------------------------------------------------------------

    async def _run_again_and_again(self, pipeline: StoredPipeline) -> None:
        health = self.random.choice((0.2, 0.5, 0.9))
        end = self.loop.time() + CHAOS_SECONDS
        while self.loop.time() < end:
            await asyncio.sleep(self.random.choice((0.5, 10.0, 60.0)))
            await self._end_run(pipeline, Status.COMPLETED if self.random.random() < health else Status.FAILED)
        if self.random.random() < 0.7:
            await self._end_run(pipeline, Status.COMPLETED)

    async def _end_run(self, pipeline: StoredPipeline, verdict: Status) -> None:
        async with self.store.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            number = (await work.runs.next_numbers([pipeline.id]))[pipeline.id]
            run = a_run_of(pipeline, number, now=self.clock.now())
            run.set_verdict(verdict, self.clock.now(), None)
            await work.runs.add(run)
            await work.commit()
        web = self.random.choice(self.webs)
        if self.random.random() < 0.8:
            web.headgate.application.wakeups().notify_committed([run])

    async def _cause_fault(self, kind: str) -> None:
        self.faults[kind] += 1
        match kind:
            case "kill":
                index = self.random.randrange(len(self.webs))
                self.webs[index].halt()
                self.store.end_transactions(self.webs[index])
                self.events.kills += 1
                await asyncio.sleep(self.random.choice((0.1, 5.0)))
                self.webs[index] = self._start_web(f"web{index}-{self.events.kills}")
            case "channel away":
                name = self.random.choice(CHANNELS)
                self.channels.away.add(name)
                await asyncio.sleep(self.random.choice((5.0, 60.0)))
                self.channels.away.discard(name)
            case "acknowledge":
                await self._acknowledge()
            case _:
                await self._silence(None if kind == "silence all" else self.random.choice(self.pipelines).id)

    async def _acknowledge(self) -> None:
        found = [id for id, each in sorted(self.store.committed.incidents.items()) if not each.is_resolved and each.pipeline_id]
        if found:
            incident_id = self.random.choice(found)
            with suppress(Conflict):
                await self.random.choice(self.webs).headgate.application.acknowledge_incident()(incident_id, MARA)
                self.events.acknowledged.setdefault(incident_id, self.loop.time())

    async def _silence(self, pipeline_id: int | None) -> None:
        seconds = self.random.choice((30.0, 120.0))
        new = NewSilence(pipeline_id, None, None, timedelta(seconds=seconds), "new disks")
        started = self.loop.time()
        await self.random.choice(self.webs).headgate.application.create_silence()(new, MARA)
        self.events.silences.append((pipeline_id, self.loop.time(), started + seconds))


def simulate_alerts(seed: int) -> AlertSimulation:
    """Return the simulation after its end."""
    global_random.seed(f"{seed}:global")
    simulation = AlertSimulation(seed)
    simulation.loop.run(simulation.run())
    return simulation
