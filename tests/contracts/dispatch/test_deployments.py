from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from application.ports.dispatch.deployments import (
    Deployment,
    DeploymentNotFound,
    DeploymentRun,
    Deployments,
    FlowLogPage,
    FlowLogPosition,
)
from application.ports.dispatch.orchestrator import FlowRunRejected
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from tests.contracts.dispatch.prefects import PrefectUnderTest

UNKNOWN = "00000000-0000-4000-8000-000000000000"
DAY_SCHEMA = {"type": "object", "title": "Parameters", "properties": {"day": {"type": "integer"}}, "required": ["day"]}
ACTIVE = [
    (FlowState.PENDING, "Pending"),
    (FlowState.RUNNING, "Running"),
    (FlowState.PAUSED, "Paused"),
]
OVER = [FlowState.COMPLETED, FlowState.FAILED, FlowState.CRASHED, FlowState.CANCELLED]


async def a_deployment(prefect: PrefectUnderTest, name: str = "", **fields: Any) -> str:
    """Add a deployment of a new flow and return its name."""
    name = name or f"ml-{uuid4().hex[:8]}/train"
    await prefect.add(Deployment("", name, **{"pool": "k8s", "is_strict": "schema" in fields, **fields}))
    return name


def a_run(deployment: str, key: str | None = None, **parameters: Any) -> DeploymentRun:
    return DeploymentRun(
        deployment, key or f"installation-1:1:train:{uuid4().hex}", "nightly#1 train", parameters, {"traceparent": "00-1-2-01"}
    )


async def a_flow_run(prefect: PrefectUnderTest, state: FlowState | None = None, name: str | None = None) -> str:
    flow_run_id = await prefect.deployments.create_flow_run(a_run(await a_deployment(prefect)))
    if state is not None:
        await prefect.set_state(flow_run_id, state, name)
    return flow_run_id


async def get_state(prefect: PrefectUnderTest, flow_run_id: str) -> tuple[FlowState, str]:
    seen = (await prefect.deployments.observe([flow_run_id]))[flow_run_id]
    return seen.state, seen.state_name


async def read_all(prefect: PrefectUnderTest, flow_run_id: str, position: FlowLogPosition, *, is_over: bool = True) -> list[FlowLogPage]:
    """Return the pages from a position on, the last of which is empty."""
    pages = [await prefect.deployments.read_log(flow_run_id, position, is_over=is_over)]
    while pages[-1].lines:
        pages.append(await prefect.deployments.read_log(flow_run_id, pages[-1].position, is_over=is_over))
    return pages


def list_texts(pages: list[FlowLogPage]) -> list[str]:
    return [line.text for page in pages for line in page.lines]


async def test_deployments_are_listed_by_name_and_found(prefect: PrefectUnderTest) -> None:
    flow = f"ml-{uuid4().hex[:8]}"
    fields = {"schema": DAY_SCHEMA, "defaults": {"day": 3}, "description": "Trains.", "is_paused": True, "is_strict": False}
    await a_deployment(prefect, f"{flow}/train")
    await a_deployment(prefect, f"{flow}/score a day?", **fields)

    listed = [each for each in await prefect.deployments.list_all() if each.name.startswith(flow)]

    assert [each.name for each in listed] == [f"{flow}/score a day?", f"{flow}/train"]
    assert [await prefect.deployments.find(each.name) for each in listed] == listed
    score = listed[0]
    assert {name: getattr(score, name) for name in fields} == fields
    assert score.pool == "k8s"


@pytest.mark.parametrize("name", ["ml/unknown", "unknown/train", "../..", "ml", ""])
async def test_an_unknown_deployment_is_not_found(prefect: PrefectUnderTest, name: str) -> None:
    assert await prefect.deployments.find(name) is None
    with pytest.raises(DeploymentNotFound, match=f"no deployment {name}"):
        await prefect.deployments.create_flow_run(a_run(name))


async def test_a_flow_run_is_created_scheduled_in_the_pool_of_its_deployment(prefect: PrefectUnderTest) -> None:
    flow_run_id = await prefect.deployments.create_flow_run(a_run(await a_deployment(prefect)))

    seen = (await prefect.deployments.observe([flow_run_id]))[flow_run_id]

    assert (seen.state, seen.state_name, seen.pool, seen.message, seen.output) == (FlowState.SCHEDULED, "Scheduled", "k8s", None, None)


async def test_the_same_key_gives_the_same_flow_run(prefect: PrefectUnderTest) -> None:
    name = await a_deployment(prefect)
    run = a_run(name)

    first = await prefect.deployments.create_flow_run(run)
    await prefect.set_state(first, FlowState.FAILED)

    assert await prefect.deployments.create_flow_run(run) == first
    assert await prefect.deployments.create_flow_run(a_run(name)) != first
    assert await prefect.deployments.find_flow_run(name, run.key) == first
    assert await prefect.deployments.find_flow_run(name, "another key") is None


async def test_a_deleted_flow_run_is_not_found_by_its_key(prefect: PrefectUnderTest) -> None:
    run = a_run(await a_deployment(prefect))
    deleted = await prefect.deployments.create_flow_run(run)

    await prefect.delete(deleted)

    assert await prefect.deployments.find_flow_run(run.deployment, run.key) is None
    assert await prefect.deployments.create_flow_run(run) != deleted


async def test_a_removed_deployment_creates_no_more_flow_runs_until_it_is_back(prefect: PrefectUnderTest) -> None:
    name = await a_deployment(prefect)
    await prefect.deployments.create_flow_run(a_run(name))

    await prefect.remove(name)
    with pytest.raises(DeploymentNotFound):
        await prefect.deployments.create_flow_run(a_run(name))
    await a_deployment(prefect, name)

    assert await prefect.deployments.create_flow_run(a_run(name))


async def test_a_strict_deployment_without_a_schema_rejects_each_flow_run(prefect: PrefectUnderTest) -> None:
    name = await a_deployment(prefect, is_strict=True)

    with pytest.raises(FlowRunRejected, match="does not have a valid parameter schema"):
        await prefect.deployments.create_flow_run(a_run(name))


@pytest.mark.parametrize("parameters", [{"day": "Monday"}, {}], ids=["wrong type", "missing"])
async def test_a_strict_deployment_rejects_parameters_that_break_its_schema(prefect: PrefectUnderTest, parameters: dict[str, Any]) -> None:
    strict = await a_deployment(prefect, schema=DAY_SCHEMA)
    lenient = await a_deployment(prefect, schema=DAY_SCHEMA, is_strict=False)

    with pytest.raises(FlowRunRejected, match=r"Prefect rejected the flow run: .*day"):
        await prefect.deployments.create_flow_run(a_run(strict, **parameters))

    assert await prefect.deployments.create_flow_run(a_run(lenient, **parameters))
    assert await prefect.deployments.create_flow_run(a_run(strict, day=4))


async def test_the_defaults_of_a_deployment_fill_in_for_missing_parameters(prefect: PrefectUnderTest) -> None:
    name = await a_deployment(prefect, schema=DAY_SCHEMA, defaults={"day": 1})

    assert await prefect.deployments.create_flow_run(a_run(name))


@pytest.mark.parametrize(
    ("state", "name"),
    [
        *ACTIVE,
        (FlowState.SCHEDULED, "Late"),
        (FlowState.SCHEDULED, "AwaitingConcurrencySlot"),
        (FlowState.SCHEDULED, "AwaitingRetry"),
        (FlowState.FAILED, "TimedOut"),
        (FlowState.CANCELLING, "Cancelling"),
        *((state, state.value.capitalize()) for state in OVER),
    ],
)
async def test_a_flow_run_is_seen_in_each_state(prefect: PrefectUnderTest, state: FlowState, name: str) -> None:
    flow_run_id = await a_flow_run(prefect, FlowState.RUNNING)

    await prefect.set_state(flow_run_id, state, name, "so it is")

    seen = (await prefect.deployments.observe([flow_run_id]))[flow_run_id]
    assert (seen.state, seen.state_name, seen.message) == (state, name, "so it is")


async def test_only_flow_runs_that_exist_are_seen(prefect: PrefectUnderTest) -> None:
    existing, deleted = await a_flow_run(prefect), await a_flow_run(prefect)
    await prefect.delete(deleted)

    assert set(await prefect.deployments.observe([existing, deleted, UNKNOWN, "no id", existing])) == {existing}
    assert await prefect.deployments.observe([]) == {}


async def test_450_flow_runs_are_seen_by_3_requests(prefect: PrefectUnderTest) -> None:
    flow_run_id = await a_flow_run(prefect)
    before = prefect.count_requests()

    seen = await prefect.deployments.observe([*(str(uuid4()) for _ in range(449)), flow_run_id])

    assert set(seen) == {flow_run_id}
    assert prefect.count_requests() - before == 3


async def test_no_flow_runs_cost_no_request(prefect: PrefectUnderTest) -> None:
    before = prefect.count_requests()

    await prefect.deployments.observe([])

    assert prefect.count_requests() == before


@pytest.mark.parametrize(
    ("state", "name"),
    [(FlowState.SCHEDULED, "Scheduled"), (FlowState.SCHEDULED, "Late"), (FlowState.PAUSED, "Suspended")],
)
async def test_a_flow_run_without_a_process_is_cancelled_at_once(prefect: PrefectUnderTest, state: FlowState, name: str) -> None:
    flow_run_id = await a_flow_run(prefect, state, name)

    await prefect.deployments.cancel(flow_run_id)

    assert await get_state(prefect, flow_run_id) == (FlowState.CANCELLED, "Cancelled")


@pytest.mark.parametrize(("state", "name"), ACTIVE)
async def test_an_active_flow_run_is_cancelling_until_it_is_forced(prefect: PrefectUnderTest, state: FlowState, name: str) -> None:
    flow_run_id = await a_flow_run(prefect, state, name)

    await prefect.deployments.cancel(flow_run_id)
    await prefect.deployments.cancel(flow_run_id)
    assert await get_state(prefect, flow_run_id) == (FlowState.CANCELLING, "Cancelling")

    await prefect.deployments.force_cancelled(flow_run_id)
    assert await get_state(prefect, flow_run_id) == (FlowState.CANCELLED, "Cancelled")


@pytest.mark.parametrize("state", OVER)
async def test_a_flow_run_that_is_over_is_not_cancelled(prefect: PrefectUnderTest, state: FlowState) -> None:
    flow_run_id = await a_flow_run(prefect, state)

    await prefect.deployments.cancel(flow_run_id)
    await prefect.deployments.force_cancelled(flow_run_id)

    assert (await get_state(prefect, flow_run_id))[0] is state


async def test_a_flow_run_that_is_gone_is_not_cancelled_and_has_neither_log_nor_output(prefect: PrefectUnderTest) -> None:
    deleted = await a_flow_run(prefect)
    await prefect.delete(deleted)

    for each in (deleted, UNKNOWN, "no id"):
        await prefect.deployments.cancel(each)
        await prefect.deployments.force_cancelled(each)
        page = await prefect.deployments.read_log(each, FlowLogPosition(), is_over=True)

        assert (list(page.lines), page.position, page.has_more) == ([], FlowLogPosition(), False)
        assert await prefect.deployments.read_output(each) is None


async def test_messages_are_read_in_order_each_once(prefect: PrefectUnderTest) -> None:
    flow_run_id, other = await a_flow_run(prefect), await a_flow_run(prefect)
    await prefect.log(other, "of another flow run", 30)
    for text, seconds_ago in (("second", 20), ("first\nof two lines", 25), ("third", 15)):
        await prefect.log(flow_run_id, text, seconds_ago)

    pages = await read_all(prefect, flow_run_id, FlowLogPosition(), is_over=False)
    await prefect.log(flow_run_id, "fourth", 14)

    assert list_texts(pages) == ["first\nof two lines", "second", "third"]
    assert [line.level for page in pages for line in page.lines] == [20, 20, 20]
    assert list_texts(await read_all(prefect, flow_run_id, pages[-1].position)) == ["fourth"]


async def test_a_message_of_a_process_that_delivers_late_is_read_once(prefect: PrefectUnderTest) -> None:
    flow_run_id = await a_flow_run(prefect)
    for text, seconds_ago in (("first", 14), ("third", 10)):
        await prefect.log(flow_run_id, text, seconds_ago)
    position = (await read_all(prefect, flow_run_id, FlowLogPosition()))[-1].position

    await prefect.log(flow_run_id, "second", 12)
    pages = await read_all(prefect, flow_run_id, position)

    assert list_texts(pages) == ["second"]
    assert list_texts(await read_all(prefect, flow_run_id, pages[-1].position)) == []


async def test_messages_of_the_last_seconds_are_left_out_until_the_flow_run_is_over(prefect: PrefectUnderTest) -> None:
    flow_run_id = await a_flow_run(prefect)
    await prefect.log(flow_run_id, "settled", 30)
    await prefect.log(flow_run_id, "new", -30)

    before = await read_all(prefect, flow_run_id, FlowLogPosition(), is_over=False)
    after = await read_all(prefect, flow_run_id, before[-1].position, is_over=True)

    assert (list_texts(before), list_texts(after)) == (["settled"], ["new"])


async def test_a_long_log_is_read_by_pages(prefect: PrefectUnderTest) -> None:
    flow_run_id = await a_flow_run(prefect)
    for number in range(430):
        await prefect.log(flow_run_id, f"message {number}", 100 - number / 10)

    pages = await read_all(prefect, flow_run_id, FlowLogPosition())

    assert list_texts(pages) == [f"message {number}" for number in range(430)]
    assert len(pages) > 2
    assert (pages[0].has_more, pages[-1].has_more) == (True, False)


async def test_a_flow_run_has_its_artifacts_as_output(prefect: PrefectUnderTest) -> None:
    flow_run_id = await a_flow_run(prefect, FlowState.COMPLETED)
    assert await prefect.deployments.read_output(flow_run_id) is None

    await prefect.add_artifact(flow_run_id, "report", "markdown", "# Done")

    assert await prefect.deployments.read_output(flow_run_id) == {
        "result": None,
        "artifacts": [{"key": "report", "type": "markdown", "description": None, "data": "# Done"}],
    }


@pytest.mark.parametrize(
    "call",
    [
        lambda port: port.list_all(),
        lambda port: port.find("ml/train"),
        lambda port: port.create_flow_run(a_run("ml/train")),
        lambda port: port.find_flow_run("ml/train", "key"),
        lambda port: port.observe([UNKNOWN]),
        lambda port: port.read_output(UNKNOWN),
        lambda port: port.read_log(UNKNOWN, FlowLogPosition(), is_over=True),
        lambda port: port.cancel(UNKNOWN),
        lambda port: port.force_cancelled(UNKNOWN),
        lambda port: port.find_pool_problems(["k8s"]),
    ],
)
async def test_a_prefect_that_does_not_run_is_unavailable(prefect: PrefectUnderTest, call: Callable[[Deployments], Awaitable[Any]]) -> None:
    with pytest.raises(Unavailable) as raised:
        await call(prefect.unreachable)
    assert not isinstance(raised.value, FlowRunRejected)
