"""Pipelines with stages of kind `prefect` are saved and started after their deployments were checked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from application.commands.runs.run_opener import TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerResult
from application.commands.schedules.run_schedule import RunScheduleCommand
from application.ports.dispatch.deployments import Deployment
from domain.backfills.request import BackfillRequest
from domain.errors import InvalidInput
from tests.fakes import FakeAdapters
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.support.in_process import InProcessHeadgate

SCHEMA = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
STAGES = [{"name": "train", "deployment": "ml/train", "parameters": {"day": {"parameter": "day"}}}]
PARAMETERS = {"type": "object", "properties": {"day": {}}}
SCHEDULES = [{"name": "daily", "cron": "0 6 * * *", "parameters": {"day": 7}}]


async def a_training_headgate(**keys: Any) -> InProcessHeadgate:
    """Return a Headgate with a pipeline that runs the deployment ml/train."""
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.add("ml/train", SCHEMA)
    await headgate.application.create_pipeline()(a_training(**keys))
    return headgate


def a_training(**keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "stages": STAGES, "parameters": PARAMETERS, **keys}


def get_fields(error: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [problem.field for problem in error.value.problems]


async def count_runs(headgate: InProcessHeadgate) -> int:
    return len(await headgate.fakes.reader.runs(pipeline_id=None, status=None, skip=0, limit=10))


async def test_a_pipeline_with_an_unknown_deployment_is_not_stored() -> None:
    headgate = InProcessHeadgate()

    with pytest.raises(InvalidInput) as refusal:
        await headgate.application.create_pipeline()(a_training())

    assert get_fields(refusal) == ["stages[0].deployment"]
    assert await headgate.fakes.reader.pipeline("nightly") is None


async def test_while_prefect_is_silent_a_pipeline_is_stored_with_a_warning() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.is_down = True

    created = await headgate.application.create_pipeline()(a_training())
    changed = await headgate.application.change_pipeline()("nightly", a_training(description="Trains the model"))
    unchanged = await headgate.application.change_pipeline()("nightly", a_training(description="Trains the model"))

    warning = ("Prefect does not respond, so the deployment ml/train was not checked.",)
    assert [created.warnings, changed.warnings, unchanged.warnings] == [warning] * 3
    assert unchanged.revision == 2


async def test_a_change_to_an_unknown_deployment_is_not_stored() -> None:
    headgate = await a_training_headgate()

    with pytest.raises(InvalidInput) as refusal:
        await headgate.application.change_pipeline()("nightly", a_training(stages=[{"name": "train", "deployment": "ml/test"}]))

    assert get_fields(refusal) == ["stages[0].deployment"]
    assert (await headgate.fakes.reader.pipeline("nightly")).revision == 1


async def test_parameters_that_break_the_deployments_schema_start_no_run() -> None:
    headgate = await a_training_headgate()

    with pytest.raises(InvalidInput) as refusal:
        await headgate.use_cases.trigger(parameters={"day": 7})

    assert get_fields(refusal) == ["parameters.day"]
    assert await count_runs(headgate) == 0


async def test_a_run_with_valid_parameters_starts() -> None:
    headgate = await a_training_headgate()

    run = await headgate.use_cases.trigger(parameters={"day": "2026-11-29"})

    assert run.number == 1


async def test_while_prefect_is_silent_runs_start_unchecked() -> None:
    headgate = await a_training_headgate()
    second = InProcessHeadgate(fakes=headgate.fakes)
    headgate.fakes.deployments.is_down = True

    run = await second.use_cases.trigger(parameters={"day": 7})

    assert run.number == 1


async def test_the_pipelines_own_schema_is_checked_first() -> None:
    headgate = await a_training_headgate(parameters={"type": "object", "properties": {"day": {"type": "boolean"}}})

    with pytest.raises(InvalidInput) as refusal:
        await headgate.use_cases.trigger(parameters={"day": 7})

    assert "boolean" in str(refusal.value)


async def test_a_batch_of_triggers_starts_those_with_valid_parameters() -> None:
    headgate = await a_training_headgate()
    trigger = headgate.application.trigger_pipeline()

    days: tuple[Any, ...] = ("a", 1, "b", 2)
    results = await asyncio.gather(*(trigger(TriggerCommand("nightly", {"day": day})) for day in days), return_exceptions=True)

    assert [type(result) for result in results] == [TriggerResult, InvalidInput, TriggerResult, InvalidInput]
    assert await count_runs(headgate) == 2


async def test_a_repeated_run_is_checked() -> None:
    headgate = await a_training_headgate()
    run = await headgate.use_cases.trigger(parameters={"day": "2026-11-29"})
    headgate.fakes.deployments.add("ml/train", {"type": "object", "properties": {"day": {"type": "integer"}}})
    answer = await InProcessHeadgate(fakes=headgate.fakes).client.post(f"/runs/{run.run_id}/again")

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["parameters.day"])


async def test_a_schedule_that_a_person_runs_is_checked() -> None:
    headgate = await a_training_headgate(schedules=SCHEDULES)

    with pytest.raises(InvalidInput) as refusal:
        await headgate.application.run_schedule()(RunScheduleCommand("nightly", "daily"))

    assert get_fields(refusal) == ["parameters.day"]
    assert await count_runs(headgate) == 0


@pytest.mark.parametrize("use_case", ["preview_backfill", "start_backfill"])
async def test_a_backfill_is_checked_as_its_first_tick_would_be(use_case: str) -> None:
    headgate = await a_training_headgate(schedules=SCHEDULES)
    today = headgate.fakes.clock.now().date()
    request = BackfillRequest(f"{today.replace(day=1)}", f"{today}", parameters={"day": 7})

    with pytest.raises(InvalidInput) as refusal:
        await getattr(headgate.application, use_case)()("nightly", request)

    assert get_fields(refusal) == ["parameters.day"]


async def test_a_repeated_request_is_answered_without_a_check() -> None:
    headgate = await a_training_headgate()
    first = await headgate.client.post("/trigger/nightly", json={"parameters": {"day": "x"}}, headers={"Idempotency-Key": "1"})
    headgate.fakes.deployments.add("ml/train", {"type": "object", "properties": {"day": {"type": "integer"}}})
    other = InProcessHeadgate(fakes=headgate.fakes)

    again = await other.client.post("/trigger/nightly", json={"parameters": {"day": "x"}}, headers={"Idempotency-Key": "1"})

    assert (again.status_code, again.json()) == (202, first.json())


class Transactions:
    """Opens transactions of the fakes and counts the open ones."""

    def __init__(self, fakes: FakeAdapters) -> None:
        self._fakes = fakes
        self.open_count = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        async with self._fakes.open_unit_of_work() as work:
            self.open_count += 1
            try:
                yield work
            finally:
                self.open_count -= 1


class WatchingDeployments(FakeDeployments):
    """Notes with each search how many transactions are open."""

    def __init__(self, transactions: Transactions) -> None:
        super().__init__()
        self._transactions = transactions
        self.open_counts: list[int] = []

    async def find(self, name: str) -> Deployment | None:
        self.open_counts.append(self._transactions.open_count)
        return await super().find(name)


async def test_prefect_is_asked_outside_of_transactions() -> None:
    fakes = FakeAdapters()
    transactions = Transactions(fakes)
    prefect = WatchingDeployments(transactions)
    prefect.add("ml/train", SCHEMA)
    ports = {"open_unit_of_work": transactions.open, "deployments": prefect}

    def as_new_process() -> Any:
        """Return use cases that do not remember deployments yet."""
        return InProcessHeadgate(fakes=fakes, ports=ports).application

    await as_new_process().create_pipeline()(a_training(schedules=SCHEDULES))
    await as_new_process().change_pipeline()("nightly", a_training(schedules=[{**SCHEDULES[0], "parameters": {"day": "x"}}]))
    await as_new_process().trigger_pipeline()(TriggerCommand("nightly", {"day": "x"}))
    await as_new_process().run_schedule()(RunScheduleCommand("nightly", "daily"))
    today = fakes.clock.now().date()
    await as_new_process().start_backfill()("nightly", BackfillRequest(f"{today.replace(day=1)}", f"{today}"))

    assert prefect.open_counts == [0] * 5


async def test_other_pipelines_never_ask_prefect() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": [{"name": "a", "command": ["true"]}]})
    run = await headgate.use_cases.trigger()
    await headgate.client.post(f"/runs/{run.run_id}/again")

    assert headgate.fakes.deployments.requests.total() == 0
