"""From the trigger to the receivers: the real store, the real adapters, receivers that check, fail and hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from dependency_injector import providers
from pydantic import SecretStr

from adapters.delivery.event_sinks import build_event_sinks
from adapters.persistence.database import Database
from adapters.system.clock import SystemClock
from adapters.system.json_schema import JsonSchemaValidator
from application.commands.dispatches.advance_dispatch import AdvanceCommand
from application.commands.runs.trigger_pipeline import TriggerCommand
from application.services.loop import run_service, wait_seconds
from entrypoints.container import Application
from entrypoints.settings import Settings
from tests.fakes import FakeExecutionTokens, FakeOrchestrator, FakeWorkerStreams
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.actions import WORKER, worker_report
from tests.support.builders import some_stages
from tests.support.event_receiver import Receiver
from tests.support.event_sinks import KEY, a_ci_receiver, a_lineage_receiver, ci_resources


class House:
    """The application on a real database, telling these receivers; `complaints` is what its announcers complained of."""

    def __init__(self, database: Database, ci: Receiver, lineage: Receiver) -> None:
        self.database, self.ci, self.lineage = database, ci, lineage
        self.complaints: list[str] = []
        told = build_event_sinks(_settings(ci, lineage), SystemClock(), "test")
        self.event_sinks = told
        settings = SimpleNamespace(lease_seconds=20.0, log_bytes_per_stage=1_000, warm_pools=("headgate",))
        bundle = providers.DependenciesContainer(
            clock=providers.Singleton(SystemClock),
            open_unit_of_work=providers.Object(database.open_unit_of_work),
            reader=providers.Object(database.reader),
            change_feed=providers.Object(database.change_feed),
            orchestrator=providers.Singleton(FakeOrchestrator),
            worker_streams=providers.Singleton(FakeWorkerStreams),
            tokens=providers.Singleton(FakeExecutionTokens),
            schemas=providers.Singleton(JsonSchemaValidator),
            installation=providers.Object(database.installation),
            event_sinks=providers.Object(told),
            disk_space=providers.Singleton(FakeDiskSpace),
        )
        self.app = Application(settings=settings, adapters=bundle)

    def beside(self) -> House:
        """Another process on the same store, telling the same receivers."""
        return House(self.database, self.ci, self.lineage)

    async def begin(self) -> None:
        """From now on everything is told."""
        for announcer in self.app.lifecycle_publishers():
            await announcer.run_once()
        await self.app.create_pipeline()({"name": "nightly", "stages": some_stages(2)})

    async def carry(self) -> int:
        """Trigger a run and carry it to its end; its id."""
        run_id = (await self.app.trigger_pipeline()(TriggerCommand("nightly"))).run_id
        await self.app.claim_dispatch()(run_id, 1, WORKER, 4)
        for stage in ("a", "b"):
            report = worker_report(run_id, stage, "completed", records_processed=10)
            await self.app.advance_dispatch()(AdvanceCommand(WORKER, run_id, 1, 4, [report]))
        return run_id

    def keep_telling(self) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(run_service(each, wait_seconds(0.02), self._complain)) for each in self.app.lifecycle_publishers()]

    def _complain(self, service: str, error: Exception) -> None:
        self.complaints.append(str(error))


def _settings(ci: Receiver, lineage: Receiver) -> Settings:
    return Settings(
        ci_events_url=ci.url,
        dd_api_key=SecretStr(KEY),
        openlineage_url=lineage.url,
        openlineage_api_key=SecretStr(KEY),
        secret=SecretStr("s" * 32),
    )


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_started_database(database_url) as database, a_ci_receiver().open() as ci, a_lineage_receiver().open() as lineage:
        house = House(database, ci, lineage)
        await house.begin()
        tasks = house.keep_telling()
        yield house
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for event_sink in house.event_sinks:
            await event_sink.close()
        assert ci.problems == lineage.problems == []


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.01)


def lineage_facts(house: House, run_id: int) -> set[tuple[str, str]]:
    url = f"/ui/runs/{run_id}"
    facets: Any = lambda event: event["run"]["facets"]["headgate_execution"]["url"]  # noqa: E731
    return {(event["eventType"], event["job"]["name"]) for event in house.lineage.taken if facets(event).endswith(url)}


def ci_facts(house: House, run_id: int) -> set[tuple[str, str]]:
    return {(each["status"], each["name"]) for each in ci_resources(house.ci) if f"run:{run_id}" in each["tags"]}


WHOLE = {("START", "nightly"), ("START", "nightly.a"), ("COMPLETE", "nightly.a"), ("START", "nightly.b"), ("COMPLETE", "nightly.b")} | {
    ("COMPLETE", "nightly")
}
WHOLE_CI = {(status, name) for status in ("running", "success") for name in ("nightly", "a", "b")}


async def test_a_run_is_told_to_both_as_it_happens(house: House) -> None:
    run_id = await house.carry()

    await eventually(lambda: lineage_facts(house, run_id) == WHOLE and ci_facts(house, run_id) == WHOLE_CI)

    assert house.complaints == []
    assert len({each["unique_id"] for each in ci_resources(house.ci) if each["level"] == "pipeline"}) == 1


async def test_a_receiver_that_fails_gets_all_of_it_later_and_the_other_does_not_wait(house: House) -> None:
    house.ci.answers.extend([503, 500, 429])
    run_id = await house.carry()

    await eventually(lambda: lineage_facts(house, run_id) == WHOLE)
    await eventually(lambda: ci_facts(house, run_id) == WHOLE_CI)

    assert any("503" in complaint for complaint in house.complaints)
    assert not any("OpenLineage" in complaint for complaint in house.complaints)


async def test_a_receiver_that_hangs_holds_up_neither_runs_nor_the_other(house: House) -> None:
    house.lineage.hangs = True
    first = await house.carry()
    await eventually(lambda: house.lineage.requests > 0)

    began = time.monotonic()
    second = await house.carry()
    took = time.monotonic() - began

    await eventually(lambda: ci_facts(house, first) == ci_facts(house, second) == WHOLE_CI)
    assert house.lineage.taken == []
    assert took < 5


async def test_runs_at_once_all_arrive(house: House) -> None:
    runs = await asyncio.gather(*(house.carry() for _ in range(8)))

    await eventually(lambda: all(lineage_facts(house, run_id) == WHOLE and ci_facts(house, run_id) == WHOLE_CI for run_id in runs))


async def test_processes_share_the_telling_and_tell_nothing_twice(house: House) -> None:
    beside = house.beside()
    tasks = beside.keep_telling()

    runs = [await each.carry() for each in (house, beside, house)]
    await eventually(lambda: all(lineage_facts(house, run_id) == WHOLE and ci_facts(house, run_id) == WHOLE_CI for run_id in runs))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for event_sink in beside.event_sinks:
        await event_sink.close()

    assert len(house.lineage.taken) == len(runs) * len(WHOLE)
    assert len(ci_resources(house.ci)) == len(runs) * len(WHOLE_CI)


async def test_nothing_is_told_unless_asked_for() -> None:
    assert build_event_sinks(Settings(secret=SecretStr("s" * 32)), SystemClock(), None) == []
