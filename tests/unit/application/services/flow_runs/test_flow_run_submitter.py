"""The submitter of flow runs, stepped by hand over fakes."""

import asyncio

import pytest

from application.commands.runs.retry_run import RetryRunCommand
from application.services.flow_runs import flow_run_submitter
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from domain.runs.approvals import Decision
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.followed_flow_runs import DEPLOYMENT, MARA, FlowRunHeadgate, a_prefect_stage


@pytest.fixture
def headgate() -> FlowRunHeadgate:
    return FlowRunHeadgate()


async def test_a_trigger_wakes_the_submitter_which_creates_the_flow_run(headgate: FlowRunHeadgate) -> None:
    submitter = headgate.application.flow_run_submitter()
    await submitter.run_once()
    stage = a_prefect_stage(parameters={"day": {"parameter": "day"}, "rows": 3})
    schema = {"properties": {"day": {"type": "string"}}}
    run_id = await headgate.start(stage, parameters={"day": "2026-11-27"}, schema=schema)

    async with asyncio.timeout(5):
        await submitter.wait()
    await submitter.run_once()

    [created] = headgate.prefect.flow_runs.values()
    assert created.request.parameters == {"day": "2026-11-27", "rows": 3}
    assert created.request.key == f"installation-1:{run_id}:train:1"
    assert created.request.name == "pipeline-0#1 train"
    assert headgate.get_status(run_id) is Status.QUEUED
    assert headgate.get_flow_run_id(run_id) in headgate.prefect.flow_runs


async def test_the_values_of_approvals_are_parameters_too(headgate: FlowRunHeadgate) -> None:
    fields = {"properties": {"rows": {"type": "integer"}}}
    ask = a_stage("ask", "approval", needs=[], fields=fields)
    run_id = await headgate.start(ask, a_prefect_stage(needs=["ask"], parameters={"rows": {"parameter": "rows"}}))
    await headgate.submit()
    assert not headgate.prefect.flow_runs

    await headgate.application.decide_approval()(run_id, "ask", Decision(True, values={"rows": 7}), MARA)
    await headgate.submit()

    [created] = headgate.prefect.flow_runs.values()
    assert created.request.parameters == {"rows": 7}


async def test_many_requests_are_created_in_one_pass(headgate: FlowRunHeadgate) -> None:
    stages = [a_prefect_stage(f"s{index}") for index in range(60)]
    await headgate.start(*stages, parallelism=60)

    await headgate.submit()

    assert len(headgate.prefect.flow_runs) == 60


async def test_an_unknown_deployment_fails_the_stage_with_a_sentence(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.remove(DEPLOYMENT)

    await headgate.submit()

    attempt = headgate.get_attempt(run_id)
    assert (attempt.status, attempt.error_message) == (Status.FAILED, "Prefect has no deployment ml/train.")
    assert headgate.followed == 0


async def test_refused_parameters_fail_the_stage_with_prefects_reason(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.add(DEPLOYMENT, {"type": "object", "required": ["day"]})

    await headgate.submit()

    attempt = headgate.get_attempt(run_id)
    assert attempt.status is Status.FAILED
    assert attempt.error_message and attempt.error_message.startswith("Prefect rejected the flow run: ")


async def test_a_request_waits_with_a_reason_while_prefect_is_down(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.is_down = True

    for _ in range(5):
        await headgate.submit()
        headgate.fakes.clock.advance(20)
    waiting = headgate.get_flow_run(run_id)
    headgate.prefect.is_down = False
    await headgate.submit()

    assert (waiting.id, waiting.problem) == (None, "Prefect does not respond")
    assert headgate.get_flow_run(run_id).problem is None
    assert len(headgate.prefect.flow_runs) == 1


async def test_a_request_is_tried_less_often_the_longer_prefect_is_down(headgate: FlowRunHeadgate) -> None:
    await headgate.start()
    headgate.prefect.is_down = True

    for _ in range(300):
        await headgate.submit()
        headgate.fakes.clock.advance(1)

    assert 15 <= headgate.prefect.requests["create_flow_run"] <= 60


async def test_an_answer_that_is_lost_does_not_create_a_second_flow_run(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.loses_answers = True
    await headgate.submit()
    headgate.prefect.loses_answers = False
    headgate.fakes.clock.advance(20)

    await headgate.submit()

    assert list(headgate.prefect.flow_runs) == [headgate.get_flow_run_id(run_id)]


async def test_a_flow_run_that_was_created_is_found_although_its_deployment_is_gone(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.loses_answers = True
    await headgate.submit()
    headgate.prefect.loses_answers = False
    headgate.prefect.remove(DEPLOYMENT)
    headgate.fakes.clock.advance(20)

    await headgate.submit()

    assert list(headgate.prefect.flow_runs) == [headgate.get_flow_run_id(run_id)]


async def test_a_stage_that_is_cancelled_before_it_was_submitted_creates_nothing(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()

    await headgate.application.cancel_stage()(run_id, "train", MARA)
    await headgate.submit()

    assert headgate.get_status(run_id) is Status.CANCELLED
    assert not headgate.prefect.flow_runs
    assert headgate.followed == 0


async def test_a_stage_that_is_cancelled_after_a_lost_answer_leaves_no_flow_run(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.loses_answers = True
    await headgate.submit()
    headgate.prefect.loses_answers = False
    await headgate.application.cancel_run()(run_id, MARA)
    headgate.fakes.clock.advance(20)

    await headgate.submit()
    await headgate.follow_for(10)

    assert headgate.get_status(run_id) is Status.CANCELLED
    assert [each.seen.state for each in headgate.prefect.flow_runs.values()] == [FlowState.CANCELLED]
    assert headgate.followed == 0


async def test_a_cancelled_request_that_prefect_does_not_know_is_dropped_after_a_while(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    headgate.prefect.is_down = True
    await headgate.submit()
    headgate.prefect.is_down = False
    await headgate.application.cancel_stage()(run_id, "train", MARA)

    await headgate.submit()
    kept = headgate.followed
    for _ in range(40):
        headgate.fakes.clock.advance(2)
        await headgate.submit()

    assert (kept, headgate.followed) == (1, 0)
    assert not headgate.prefect.flow_runs


async def test_a_flow_run_that_is_created_while_its_stage_is_cancelled_is_cancelled(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    create = headgate.prefect.create_flow_run

    async def create_after_a_cancel(run: object) -> str:
        await headgate.application.cancel_stage()(run_id, "train", MARA)
        return await create(run)  # type: ignore[arg-type]

    headgate.prefect.create_flow_run = create_after_a_cancel  # type: ignore[method-assign]
    await headgate.submit()
    await headgate.follow_for(10)

    assert headgate.get_status(run_id) is Status.CANCELLED
    assert [each.seen.state for each in headgate.prefect.flow_runs.values()] == [FlowState.CANCELLED]
    assert headgate.followed == 0


async def test_a_flow_run_that_is_created_after_its_stage_was_left_is_cancelled(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start(a_prefect_stage(on_cancel="leave"))
    create = headgate.prefect.create_flow_run

    async def create_after_a_cancel(run: object) -> str:
        await headgate.application.cancel_stage()(run_id, "train", MARA)
        return await create(run)  # type: ignore[arg-type]

    headgate.prefect.create_flow_run = create_after_a_cancel  # type: ignore[method-assign]
    await headgate.submit()
    await headgate.follow_for(10)

    assert [each.seen.state for each in headgate.prefect.flow_runs.values()] == [FlowState.CANCELLED]
    assert headgate.followed == 0


async def test_a_retry_creates_a_flow_run_with_a_key_of_its_own(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    await headgate.end(run_id, FlowState.FAILED)

    await headgate.application.retry_run()(RetryRunCommand(run_id, actor=MARA))
    assert headgate.application.wakeups().flow_runs.is_set()
    await headgate.submit()

    keys = [each.request.key for each in headgate.prefect.flow_runs.values()]
    assert keys == [f"installation-1:{run_id}:train:1", f"installation-1:{run_id}:train:2"]
    assert headgate.get_flow_run_id(run_id) == list(headgate.prefect.flow_runs)[1]


async def test_two_webs_create_each_flow_run_once(headgate: FlowRunHeadgate) -> None:
    other = headgate.start_second_web()
    await headgate.start(*[a_prefect_stage(f"s{index}") for index in range(20)], parallelism=20)

    await asyncio.gather(headgate.submit(), other.submit())

    assert len(headgate.prefect.flow_runs) == 20
    assert headgate.prefect.requests["create_flow_run"] == 20


async def test_the_stages_of_a_run_stay_within_its_parallelism(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start(*[a_prefect_stage(f"s{index}") for index in range(5)], parallelism=2)
    await headgate.submit()
    created = len(headgate.prefect.flow_runs)

    await headgate.end(run_id, FlowState.COMPLETED, "s0")
    await headgate.submit()

    assert (created, len(headgate.prefect.flow_runs)) == (2, 3)


async def test_the_submitter_polls_only_while_requests_are_due(headgate: FlowRunHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_run_submitter, "POLL_SECONDS", 0.001)
    submitter = headgate.application.flow_run_submitter()
    headgate.prefect.is_down = True
    await headgate.start()

    await submitter.run_once()
    async with asyncio.timeout(5):
        await submitter.wait()

    headgate.prefect.is_down = False
    headgate.fakes.clock.advance(20)
    for _ in range(2):  # its own changes wake it once more
        await submitter.run_once()
    sleeping = asyncio.ensure_future(submitter.wait())
    done, _ = await asyncio.wait([sleeping], timeout=0.1)
    sleeping.cancel()
    assert not done


async def test_an_outage_of_the_store_raises_and_creates_nothing_twice(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start()
    create = headgate.prefect.create_flow_run

    async def create_and_lose_the_store(run: object) -> str:
        headgate.fakes.store.is_down = True
        return await create(run)  # type: ignore[arg-type]

    headgate.prefect.create_flow_run = create_and_lose_the_store  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await headgate.submit()
    headgate.fakes.store.is_down = False
    headgate.prefect.create_flow_run = create  # type: ignore[method-assign]
    headgate.fakes.clock.advance(flow_run_submitter.LEASE_SECONDS)
    await headgate.submit()

    assert list(headgate.prefect.flow_runs) == [headgate.get_flow_run_id(run_id)]


async def test_a_creation_has_a_span_in_the_trace_of_its_run() -> None:
    headgate = FlowRunHeadgate(is_observed=True)
    run_id = await headgate.start()
    await headgate.submit()

    [span] = [span for span in headgate.fakes.telemetry.spans if span.name == "headgate.flow_run"]
    assert (span.resource, span.tags["pipeline"], span.tags["run"], span.tags["attempt"]) == (DEPLOYMENT, "pipeline-0", run_id, 1)
    assert dict(span.parent) == dict(headgate.get_run(run_id).trace)
    [created] = headgate.prefect.flow_runs.values()
    assert created.request.trace == span.context
    assert [tags for metric, _, tags in headgate.fakes.telemetry.recorded if metric == "prefect.flow_runs.created"] == [
        {"pipeline": "pipeline-0"}
    ]
