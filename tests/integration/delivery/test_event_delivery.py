"""From the trigger to the receivers, with the real store and adapters. The receivers check what they get, fail and hang."""

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
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from application.commands.dispatches.advance_dispatch import AdvanceCommand
from application.commands.runs.run_opener import TriggerCommand
from application.services.loop import run_service, wait_seconds
from entrypoints.container import Application
from entrypoints.settings import Settings
from tests.fakes import FakeClock, FakeDeployments, FakeExecutionTokens, FakeOrchestrator, FakeWorkerStreams
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.actions import WORKER, worker_report
from tests.support.builders import some_stages
from tests.support.event_receiver import Receiver
from tests.support.event_sinks import KEY, a_ci_receiver, a_lineage_receiver, get_ci_resources


class PublishingProcess:
    """The application on a real database, publishing to these receivers. `errors` are those of its publishers."""

    def __init__(self, database: Database, ci: Receiver, lineage: Receiver) -> None:
        self.database, self.ci, self.lineage = database, ci, lineage
        self.errors: list[str] = []
        event_sinks = build_event_sinks(_settings(ci, lineage), SystemClock(), "test")
        self.event_sinks = event_sinks
        settings = SimpleNamespace(lease_seconds=20.0, log_bytes_per_stage=1_000, warm_pools=("headgate",))
        bundle = providers.DependenciesContainer(
            clock=providers.Singleton(SystemClock),
            open_unit_of_work=providers.Object(database.open_unit_of_work),
            reader=providers.Object(database.reader),
            change_feed=providers.Object(database.change_feed),
            orchestrator=providers.Singleton(FakeOrchestrator),
            deployments=providers.Object(FakeDeployments(FakeClock())),
            worker_streams=providers.Singleton(FakeWorkerStreams),
            tokens=providers.Singleton(FakeExecutionTokens),
            schemas=providers.Singleton(JsonSchemaValidator),
            cron_expressions=providers.Singleton(CronsimExpressions),
            installation=providers.Object(database.installation),
            event_sinks=providers.Object(event_sinks),
            disk_space=providers.Singleton(FakeDiskSpace),
        )
        self.app = Application(settings=settings, adapters=bundle)

    def create_second_process(self) -> PublishingProcess:
        """Return another process on the same store and receivers."""
        return PublishingProcess(self.database, self.ci, self.lineage)

    async def start(self) -> None:
        """Publish everything from now on."""
        for publisher in self.app.lifecycle_publishers():
            await publisher.run_once()
        await self.app.create_pipeline()({"name": "nightly", "stages": some_stages(2)})

    async def complete_run(self) -> int:
        """Trigger a run and complete it. Return its id."""
        run_id = (await self.app.trigger_pipeline()(TriggerCommand("nightly"))).run_id
        await self.app.claim_dispatch()(run_id, 1, WORKER, 4)
        for stage in ("a", "b"):
            report = worker_report(run_id, stage, "completed", records_processed=10)
            await self.app.advance_dispatch()(AdvanceCommand(WORKER, run_id, 1, 4, [report]))
        return run_id

    def start_publishers(self) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(run_service(each, wait_seconds(0.02), self._record_error)) for each in self.app.lifecycle_publishers()]

    def _record_error(self, service: str, error: Exception) -> None:
        self.errors.append(str(error))


def _settings(ci: Receiver, lineage: Receiver) -> Settings:
    return Settings(
        ci_events_url=ci.url,
        dd_api_key=SecretStr(KEY),
        openlineage_url=lineage.url,
        openlineage_api_key=SecretStr(KEY),
        secret=SecretStr("s" * 32),
    )


@pytest.fixture
async def process(database_url: str) -> AsyncIterator[PublishingProcess]:
    async with a_started_database(database_url) as database, a_ci_receiver().open() as ci, a_lineage_receiver().open() as lineage:
        process = PublishingProcess(database, ci, lineage)
        await process.start()
        tasks = process.start_publishers()
        yield process
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for event_sink in process.event_sinks:
            await event_sink.close()
        assert ci.problems == lineage.problems == []


async def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        await asyncio.sleep(0.01)


def get_lineage_events(process: PublishingProcess, run_id: int) -> set[tuple[str, str]]:
    url = f"/ui/runs/{run_id}"
    facets: Any = lambda event: event["run"]["facets"]["headgate_execution"]["url"]  # noqa: E731
    return {(event["eventType"], event["job"]["name"]) for event in process.lineage.taken if facets(event).endswith(url)}


def get_ci_statuses(process: PublishingProcess, run_id: int) -> set[tuple[str, str]]:
    return {(each["status"], each["name"]) for each in get_ci_resources(process.ci) if f"run:{run_id}" in each["tags"]}


COMPLETE_LINEAGE = {
    ("START", "nightly"),
    ("START", "nightly.a"),
    ("COMPLETE", "nightly.a"),
    ("START", "nightly.b"),
    ("COMPLETE", "nightly.b"),
} | {("COMPLETE", "nightly")}
COMPLETE_CI = {(status, name) for status in ("running", "success") for name in ("nightly", "a", "b")}


async def test_a_run_is_published_to_both_receivers(process: PublishingProcess) -> None:
    run_id = await process.complete_run()

    await wait_until(lambda: get_lineage_events(process, run_id) == COMPLETE_LINEAGE and get_ci_statuses(process, run_id) == COMPLETE_CI)

    assert process.errors == []
    assert len({each["unique_id"] for each in get_ci_resources(process.ci) if each["level"] == "pipeline"}) == 1


async def test_a_failing_receiver_gets_everything_later_and_does_not_delay_the_other(process: PublishingProcess) -> None:
    process.ci.answers.extend([503, 500, 429])
    run_id = await process.complete_run()

    await wait_until(lambda: get_lineage_events(process, run_id) == COMPLETE_LINEAGE)
    await wait_until(lambda: get_ci_statuses(process, run_id) == COMPLETE_CI)

    assert any("503" in error for error in process.errors)
    assert not any("OpenLineage" in error for error in process.errors)


async def test_a_hanging_receiver_delays_neither_runs_nor_the_other(process: PublishingProcess) -> None:
    process.lineage.hangs = True
    first = await process.complete_run()
    await wait_until(lambda: process.lineage.requests > 0)

    start = time.monotonic()
    second = await process.complete_run()
    elapsed = time.monotonic() - start

    await wait_until(lambda: get_ci_statuses(process, first) == get_ci_statuses(process, second) == COMPLETE_CI)
    assert process.lineage.taken == []
    assert elapsed < 5


async def test_simultaneous_runs_all_arrive(process: PublishingProcess) -> None:
    runs = await asyncio.gather(*(process.complete_run() for _ in range(8)))

    await wait_until(
        lambda: all(
            get_lineage_events(process, run_id) == COMPLETE_LINEAGE and get_ci_statuses(process, run_id) == COMPLETE_CI for run_id in runs
        )
    )


async def test_processes_share_the_publishing_and_send_nothing_twice(process: PublishingProcess) -> None:
    second = process.create_second_process()
    tasks = second.start_publishers()

    runs = [await each.complete_run() for each in (process, second, process)]
    await wait_until(
        lambda: all(
            get_lineage_events(process, run_id) == COMPLETE_LINEAGE and get_ci_statuses(process, run_id) == COMPLETE_CI for run_id in runs
        )
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for event_sink in second.event_sinks:
        await event_sink.close()

    assert len(process.lineage.taken) == len(runs) * len(COMPLETE_LINEAGE)
    assert len(get_ci_resources(process.ci)) == len(runs) * len(COMPLETE_CI)


async def test_by_default_there_are_no_event_sinks() -> None:
    assert build_event_sinks(Settings(secret=SecretStr("s" * 32)), SystemClock(), None) == []
