"""The follower of flow runs, stepped by hand over fakes."""

import asyncio
from datetime import timedelta

import pytest

from application.services.flow_runs import flow_run_follower
from application.services.flow_runs.flow_run_ends import MAX_TRIES, SETTLE_SECONDS
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from domain.runs.status import Reason, Status
from tests.support.followed_flow_runs import DEPLOYMENT, MARA, FlowRunHeadgate, a_prefect_stage


@pytest.fixture
def headgate() -> FlowRunHeadgate:
    return FlowRunHeadgate()


async def test_a_stage_runs_and_completes_with_its_flow_run(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    flow_run_id = headgate.get_flow_run_id(run_id)
    headgate.prefect.set_state(flow_run_id, FlowState.RUNNING)
    await headgate.follow()
    running = headgate.get_status(run_id)

    headgate.prefect.flow_runs[flow_run_id].output = {"result": 42, "artifacts": []}
    headgate.prefect.log(flow_run_id, "trained")
    await headgate.end(run_id, FlowState.COMPLETED)

    attempt = headgate.get_attempt(run_id)
    assert (running, attempt.status, headgate.get_run(run_id).status) == (Status.RUNNING, Status.COMPLETED, Status.COMPLETED)
    assert attempt.output == {"result": 42, "artifacts": []}
    assert headgate.get_log(run_id) == ["trained"]
    assert headgate.followed == 0


async def test_a_new_flow_run_wakes_the_follower(headgate: FlowRunHeadgate) -> None:
    follower = headgate.application.flow_run_follower()
    await follower.run_once()

    await headgate.start_followed()

    async with asyncio.timeout(5):
        await follower.wait()


@pytest.mark.parametrize(
    ("state", "name", "message", "status", "reason", "error"),
    [
        (FlowState.FAILED, "Failed", "no rows", Status.FAILED, Reason.ERROR, "no rows"),
        (FlowState.FAILED, "TimedOut", "too long", Status.FAILED, Reason.TIMEOUT, "too long"),
        (FlowState.CRASHED, "Crashed", "killed", Status.LOST, None, "killed"),
        (FlowState.CANCELLED, "Cancelled", None, Status.CANCELLED, None, None),
    ],
)
async def test_a_stage_ends_as_its_flow_run(
    headgate: FlowRunHeadgate, state: FlowState, name: str, message: str | None, status: Status, reason: Reason | None, error: str | None
) -> None:
    run_id = await headgate.start_followed()

    await headgate.end(run_id, state, name=name, message=message)

    attempt = headgate.get_attempt(run_id)
    assert (attempt.status, attempt.reason, attempt.error_message) == (status, reason, error)
    assert headgate.followed == 0


async def test_a_paused_flow_run_lets_its_stage_wait_until_it_is_resumed(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    flow_run_id = headgate.get_flow_run_id(run_id)
    headgate.prefect.set_state(flow_run_id, FlowState.RUNNING)
    await headgate.follow()

    headgate.prefect.set_state(flow_run_id, FlowState.PAUSED)
    await headgate.follow()
    paused = (headgate.get_status(run_id), headgate.get_attempt(run_id).reason)
    headgate.prefect.set_state(flow_run_id, FlowState.RUNNING)
    await headgate.follow()

    assert paused == (Status.WAITING, Reason.PAUSED)
    assert headgate.get_status(run_id) is Status.RUNNING


async def test_200_flow_runs_that_do_not_change_cost_one_request_in_2_seconds(headgate: FlowRunHeadgate) -> None:
    other = headgate.start_second_web()
    run_id = await headgate.start_followed(*[a_prefect_stage(f"s{index}") for index in range(200)], parallelism=200)
    await headgate.follow()
    before, seq = headgate.prefect.requests.total(), headgate.get_run(run_id).last_seq

    for _ in range(30):
        await headgate.follow(1)
        await other.follow(1)

    assert headgate.prefect.requests.total() - before <= 30
    assert headgate.prefect.requests["observe"] > 20
    assert headgate.get_run(run_id).last_seq == seq


async def test_more_flow_runs_than_a_page_are_all_followed(headgate: FlowRunHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_run_follower, "PAGE_SIZE", 20)
    run_id = await headgate.start_followed(*[a_prefect_stage(f"s{index}") for index in range(45)], parallelism=45)
    before = headgate.prefect.requests.total()
    for flow_run_id in headgate.prefect.flow_runs:
        headgate.prefect.set_state(flow_run_id, FlowState.RUNNING)

    await headgate.follow()

    assert {stage.status for stage in headgate.get_run(run_id).stages.values()} == {Status.RUNNING}
    assert headgate.prefect.requests.total() - before == 3


async def test_a_flow_run_that_waits_says_that_its_pool_has_no_worker(headgate: FlowRunHeadgate) -> None:
    headgate.prefect.pool_problems["k8s"] = "pool k8s has no worker"
    run_id = await headgate.start_followed()
    await headgate.follow_for(20)
    told = headgate.get_flow_run(run_id).problem
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.SCHEDULED, "Late")
    await headgate.follow()
    late = headgate.get_flow_run(run_id)

    headgate.prefect.pool_problems.clear()
    await headgate.follow_for(40)

    assert told == "pool k8s has no worker"
    assert (late.state_name, late.problem) == ("Late", "pool k8s has no worker")
    assert headgate.get_flow_run(run_id).problem is None


async def test_the_problem_of_the_pool_is_over_when_the_flow_run_starts(headgate: FlowRunHeadgate) -> None:
    headgate.prefect.pool_problems["k8s"] = "pool k8s has no worker"
    run_id = await headgate.start_followed()
    await headgate.follow_for(20)

    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING)
    await headgate.follow()

    assert headgate.get_flow_run(run_id).problem is None


async def test_a_flow_run_that_is_gone_for_a_minute_is_lost(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    headgate.prefect.delete(headgate.get_flow_run_id(run_id))

    await headgate.follow_for(56)
    early = headgate.get_status(run_id)
    headgate = headgate.start_second_web()  # the time since when it is missing survives a restart
    await headgate.follow_for(10)

    attempt = headgate.get_attempt(run_id)
    assert early is Status.QUEUED
    assert (attempt.status, attempt.error_message) == (Status.LOST, "Prefect no longer has its flow run.")
    assert headgate.followed == 0


async def test_a_flow_run_that_comes_back_is_not_lost(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    await headgate.follow()
    flow_run_id = headgate.get_flow_run_id(run_id)
    for _ in range(3):
        flow_run = headgate.prefect.flow_runs.pop(flow_run_id)
        await headgate.follow_for(40)
        headgate.prefect.flow_runs[flow_run_id] = flow_run
        await headgate.follow()

    assert headgate.get_status(run_id) is Status.QUEUED


async def test_the_last_state_stays_while_prefect_is_down(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING)
    await headgate.follow()
    headgate.prefect.is_down = True

    for _ in range(100):
        with pytest.raises(Unavailable):
            await headgate.follow()
    down = headgate.get_status(run_id)
    headgate.prefect.is_down = False
    await headgate.follow()

    assert (down, headgate.get_status(run_id)) == (Status.RUNNING, Status.RUNNING)


async def test_the_timeout_counts_while_prefect_is_down(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed(a_prefect_stage(timeout=60))
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING)
    await headgate.follow()
    headgate.prefect.is_down = True
    headgate.fakes.clock.advance(60)
    await headgate.sweep()
    timed_out = headgate.get_attempt(run_id)
    headgate.prefect.is_down = False
    await headgate.follow_for(6)

    assert (timed_out.status, timed_out.reason) == (Status.FAILED, Reason.TIMEOUT)
    assert headgate.get_state(run_id) is FlowState.CANCELLING
    await headgate.follow_for(70)
    assert headgate.get_state(run_id) is FlowState.CANCELLED
    assert headgate.followed == 0


async def test_a_cancel_waits_for_prefect(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING)
    await headgate.follow()

    await headgate.application.cancel_stage()(run_id, "train", MARA)
    assert headgate.application.wakeups().followed_flow_runs.is_set()
    await headgate.follow_for(6)
    cancelling = headgate.get_status(run_id), headgate.get_state(run_id), headgate.prefect.requests["cancel"]
    await headgate.end(run_id, FlowState.CANCELLED)

    assert cancelling == (Status.RUNNING, FlowState.CANCELLING, 1)
    assert headgate.get_run(run_id).status is Status.CANCELLED
    assert headgate.followed == 0


async def test_a_cancel_that_prefect_does_not_finish_is_forced(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING)
    await headgate.follow()

    await headgate.application.cancel_run()(run_id, MARA)
    await headgate.follow_for(50)
    waiting = headgate.get_status(run_id), headgate.get_state(run_id)
    await headgate.sweep()
    await headgate.follow_for(20)

    assert waiting == (Status.RUNNING, FlowState.CANCELLING)
    assert headgate.get_run(run_id).status is Status.CANCELLED
    assert headgate.get_state(run_id) is FlowState.CANCELLED
    assert headgate.followed == 0


async def test_a_cancelled_stage_leaves_its_flow_run_if_asked_to(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed(a_prefect_stage(on_cancel="leave"))
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING)
    await headgate.follow()

    await headgate.application.cancel_stage()(run_id, "train", MARA)
    await headgate.follow_for(10)

    assert headgate.get_status(run_id) is Status.CANCELLED
    assert headgate.get_state(run_id) is FlowState.RUNNING
    assert headgate.prefect.requests["cancel"] == 0
    assert headgate.followed == 0


async def test_a_cancel_in_prefect_cancels_the_stage(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()

    await headgate.end(run_id, FlowState.CANCELLED)

    assert headgate.get_status(run_id) is Status.CANCELLED


async def test_a_cancel_in_prefect_that_no_worker_finishes_is_forced(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.CANCELLING)

    await headgate.follow_for(50)
    waiting = headgate.get_status(run_id)
    await headgate.follow_for(30)

    assert waiting is Status.QUEUED
    assert headgate.get_status(run_id) is Status.CANCELLED
    assert headgate.get_state(run_id) is FlowState.CANCELLED
    assert headgate.prefect.requests["cancel"] == 0


async def test_an_output_is_read_again_if_prefect_fails(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    flow_run_id = headgate.get_flow_run_id(run_id)
    headgate.prefect.flow_runs[flow_run_id].output = {"result": 42, "artifacts": []}
    read = headgate.prefect.read_output

    async def fail(flow_run_id: str) -> object:
        raise Unavailable("Prefect does not respond.")

    headgate.prefect.read_output = fail  # type: ignore[method-assign]
    await headgate.end(run_id, FlowState.COMPLETED)
    waiting = headgate.get_status(run_id)
    headgate.prefect.read_output = read  # type: ignore[method-assign]
    await headgate.follow()

    assert waiting is Status.QUEUED
    assert (headgate.get_status(run_id), headgate.get_attempt(run_id).output["result"]) == (Status.COMPLETED, 42)


async def test_a_stage_ends_without_an_output_that_prefect_never_gives(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()

    async def fail(flow_run_id: str) -> object:
        raise Unavailable("Prefect does not respond.")

    headgate.prefect.read_output = fail  # type: ignore[method-assign]
    await headgate.end(run_id, FlowState.COMPLETED)
    await headgate.follow_for(2 * MAX_TRIES)

    assert headgate.get_status(run_id) is Status.COMPLETED
    assert headgate.get_flow_run(run_id).problem == "Prefect did not return all of its log and output"
    assert headgate.followed == 0


async def test_messages_that_arrive_shortly_after_the_end_are_in_the_log(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    flow_run_id = headgate.get_flow_run_id(run_id)
    headgate.prefect.set_state(flow_run_id, FlowState.FAILED)
    await headgate.follow()

    headgate.prefect.log(flow_run_id, "Traceback\nValueError: no rows", level=40)
    await headgate.follow(SETTLE_SECONDS)

    assert headgate.get_log(run_id) == ["Traceback", "ValueError: no rows"]
    assert headgate.get_status(run_id) is Status.FAILED


async def test_an_end_that_two_webs_see_is_applied_once(headgate: FlowRunHeadgate) -> None:
    other = headgate.start_second_web()
    run_id = await headgate.start_followed(a_prefect_stage(retries=1))
    flow_run_id = headgate.get_flow_run_id(run_id)
    headgate.prefect.log(flow_run_id, "once")
    headgate.prefect.set_state(flow_run_id, FlowState.FAILED)
    await headgate.follow()
    await other.follow()

    await asyncio.gather(headgate.follow(SETTLE_SECONDS), other.follow(0))

    assert [attempt.status for attempt in headgate.get_run(run_id).get_stage("train").attempts] == [Status.FAILED, Status.QUEUED]
    assert headgate.get_log(run_id) == ["once"]


async def test_an_old_observation_does_not_undo_a_newer_one(headgate: FlowRunHeadgate) -> None:
    other = headgate.start_second_web()
    run_id = await headgate.start_followed()
    flow_run_id = headgate.get_flow_run_id(run_id)
    await headgate.follow()
    observe = headgate.prefect.observe

    async def observe_slowly(ids: list[str]) -> object:
        headgate.prefect.set_state(flow_run_id, FlowState.PAUSED)
        seen = await observe(ids)
        headgate.prefect.set_state(flow_run_id, FlowState.RUNNING)
        headgate.prefect.observe = observe  # type: ignore[method-assign]
        await other.follow_for(4)  # the first turn looks at the pool
        return seen

    headgate.prefect.observe = observe_slowly  # type: ignore[assignment, method-assign]
    await headgate.follow()

    assert headgate.get_status(run_id) is Status.RUNNING
    await headgate.follow()
    assert headgate.get_flow_run(run_id).state is FlowState.RUNNING


async def test_a_run_that_started_long_ago_in_prefect_started_then(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed()
    headgate.fakes.clock.advance(60)
    headgate.prefect.set_state(headgate.get_flow_run_id(run_id), FlowState.RUNNING, run_seconds=12)

    await headgate.follow()

    attempt = headgate.get_attempt(run_id)
    assert attempt.started_at == headgate.fakes.clock.now() - timedelta(seconds=12)
    assert attempt.deadline_at == attempt.started_at + timedelta(hours=1)


async def test_lost_flow_runs_are_created_again_if_the_stage_says_so(headgate: FlowRunHeadgate) -> None:
    run_id = await headgate.start_followed(a_prefect_stage(retries=1, retry_on_loss=True))
    headgate.prefect.lose_everything()
    headgate.prefect.add(DEPLOYMENT)

    await headgate.follow_for(70)
    await headgate.submit()

    assert [attempt.status for attempt in headgate.get_run(run_id).get_stage("train").attempts] == [Status.LOST, Status.QUEUED]
    assert list(headgate.prefect.flow_runs) == [headgate.get_flow_run_id(run_id)]


async def test_the_follower_sleeps_while_nothing_is_followed(headgate: FlowRunHeadgate) -> None:
    await headgate.follow()

    sleeping = asyncio.ensure_future(headgate.application.flow_run_follower().wait())
    done, _ = await asyncio.wait([sleeping], timeout=0.1)
    sleeping.cancel()

    assert not done
    assert headgate.prefect.requests.total() == 0
