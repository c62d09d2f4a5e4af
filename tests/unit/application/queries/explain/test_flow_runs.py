"""Each state of a flow run has a sentence of its own."""

from datetime import timedelta
from typing import Any

import pytest

from application.queries.explain.explanation import explain_run
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from domain.access.actor import Actor
from domain.flow_runs.flow_state import FlowState
from domain.runs.run_flow_runs import fail_request, lose_flow_run
from domain.runs.stage_actions import cancel_stage
from tests.support.builders import NOW, a_stage
from tests.support.flow_run_stories import created, delayed, observed
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import RunChange, start

LATER = NOW + timedelta(seconds=1)
"""When a flow run was created, and observed for the first time."""


async def explain(*changes: RunChange, stages: list[Any] | None = None, is_down: bool = False, wait: float = 0, **keys: Any) -> str:
    """Return the sentence about a new run after these changes, 12 seconds later."""
    headgate = InProcessHeadgate()
    pipeline = await headgate.stories.add_pipeline("nightly", stages or [a_stage("train", "prefect")], **keys)
    run_id = await headgate.stories.open_run(pipeline)
    for change in changes:
        await headgate.stories.change_run(run_id, change)
    fakes = headgate.fakes
    fakes.clock.advance(12)
    fakes.orchestrator.is_down = is_down
    health = OrchestratorHealth(fakes.orchestrator, lambda: fakes.clock.now().timestamp())
    await health.is_reachable()
    fakes.clock.advance(wait)
    run = await headgate.use_cases.get_run(run_id)
    return str(explain_run(run, await RunContextLoader(fakes.reader, fakes.clock, health, {"headgate"})(run)))


def scheduled(name: str, **keys: Any) -> RunChange:
    return observed("train", FlowState.SCHEDULED, LATER, name, **keys)


QUEUED = {
    "Headgate is creating its flow run in Prefect.": (),
    "its flow run is not created yet: Prefect answered 500.": (delayed("train", "Prefect answered 500.", LATER),),
}
QUEUED_IN_PREFECT = {
    "Prefect has its flow run and is scheduling it.": (),
    "it waits for a worker of pool k8s.": (scheduled("Scheduled"),),
    "it waits for a process that serves ml/train.": (scheduled("Scheduled", pool=None),),
    "it is late: no worker of pool k8s has taken it yet.": (scheduled("Late"),),
    "it waits for a slot of a concurrency limit in Prefect.": (scheduled("AwaitingConcurrencySlot"),),
    "pool k8s has no worker.": (scheduled("Scheduled", problem="pool k8s has no worker"),),
    "pool k8s is paused.": (scheduled("Late", problem="pool k8s is paused"),),
    "a worker of pool k8s has taken it and is starting it.": (observed("train", FlowState.PENDING, LATER),),
    "its last try failed, and Prefect is to run it again.": (scheduled("AwaitingRetry"),),
    "it is being cancelled in Prefect.": (observed("train", FlowState.CANCELLING, LATER),),
}


@pytest.mark.parametrize("reason", QUEUED)
async def test_without_a_flow_run_it_says_why_there_is_none(reason: str) -> None:
    assert await explain(*QUEUED[reason]) == f"Queued for 12 s: {reason}"


@pytest.mark.parametrize("reason", QUEUED_IN_PREFECT)
async def test_a_queued_flow_run_says_what_it_waits_for(reason: str) -> None:
    assert await explain(created("train", LATER), *QUEUED_IN_PREFECT[reason]) == f"Queued in Prefect for 12 s: {reason}"


async def test_while_prefect_does_not_answer_it_says_since_when_and_what_happens_then() -> None:
    sentence = await explain(is_down=True, wait=48)

    since = f"{NOW + timedelta(seconds=12):%H:%M} UTC"
    assert sentence == f"Queued for 1 m: Prefect has not responded since {since}; Headgate creates its flow run when it does."


async def test_while_prefect_does_not_answer_the_last_known_state_is_called_so() -> None:
    queued = await explain(created("train", LATER), scheduled("Late"), is_down=True)
    running = await explain(created("train", LATER), observed("train", FlowState.RUNNING, LATER), is_down=True)

    since = f"{NOW + timedelta(seconds=12):%H:%M} UTC"
    silence = f"Prefect has not responded since {since}; this is its last known state."
    assert queued == f"Queued in Prefect for 12 s: it is late: no worker of pool k8s has taken it yet. {silence}"
    assert running == f"train has been running for 11 s. {silence}"


async def test_a_stage_on_a_worker_waits_for_the_flow_runs_that_take_the_runs_parallelism() -> None:
    stages = [a_stage("train", "prefect", needs=[]), a_stage("b", needs=[])]
    running = observed("train", FlowState.RUNNING, LATER)

    full = await explain(created("train", LATER), running, stages=stages, parallelism=1)
    with_room = await explain(created("train", LATER), running, stages=stages, parallelism=2)

    assert full == "train has been running for 11 s. b is queued: 1 stage of the run is already running, its parallelism limit."
    assert "no worker is online" in with_room


async def test_a_stage_without_room_in_the_runs_parallelism_says_so() -> None:
    stages = [a_stage(name, "prefect", needs=[]) for name in ("train", "score")]

    sentence = await explain(created("train", LATER), scheduled("Scheduled"), stages=stages, parallelism=1)

    score = "score is queued: 1 stage of the run is already running or queued in Prefect, its parallelism limit."
    assert sentence == f"train is queued in Prefect: it waits for a worker of pool k8s. {score}"


async def test_queued_flow_runs_with_the_same_reason_share_a_sentence() -> None:
    stages = [a_stage(name, "prefect", needs=[]) for name in ("a", "b", "c", "d", "e")]
    changes = [change for name in ("a", "b", "c", "d") for change in (created(name, LATER), observed(name, FlowState.SCHEDULED, LATER))]

    sentence = await explain(*changes, created("e", LATER), observed("e", FlowState.PENDING, LATER), stages=stages)

    first = "a, b, c and 1 more are queued in Prefect: it waits for a worker of pool k8s."
    assert sentence == f"{first} e is queued in Prefect: a worker of pool k8s has taken it and is starting it."


async def test_a_stage_for_a_worker_and_one_for_prefect_are_both_explained() -> None:
    stages = [a_stage("load", needs=[]), a_stage("train", "prefect", needs=[])]
    changes = (created("train", LATER), scheduled("Late"))

    queued = await explain(*changes, stages=stages)
    beside = await explain(*changes, lambda run: start(run, LATER), stages=stages)

    train = "train is queued in Prefect: it is late: no worker of pool k8s has taken it yet."
    assert queued == f"Queued for 12 s: no worker is online in pool headgate. Start one with `headgate worker`. {train}"
    assert beside == f"load has been running for 11 s. {train}"


async def test_a_running_flow_run_says_how_long_and_what_interrupts_it() -> None:
    running = (created("train", LATER), observed("train", FlowState.RUNNING, LATER))

    sentences = [
        await explain(*running),
        await explain(*running, scheduled("AwaitingRetry")),
        await explain(*running, observed("train", FlowState.CANCELLING, LATER)),
    ]

    start = "train has been running for 11 s"
    assert sentences == [
        f"{start}.",
        f"{start}; its last try failed, and Prefect is to run it again.",
        f"{start}; it is being cancelled in Prefect.",
    ]


async def test_a_paused_flow_run_is_resumed_in_prefect() -> None:
    paused = await explain(created("train", LATER), observed("train", FlowState.PAUSED, LATER))
    suspended = await explain(created("train", LATER), observed("train", FlowState.PAUSED, LATER, "Suspended"))

    assert paused == "train is paused in Prefect: resume it there; times out in 59 m 49 s."
    assert suspended == "train is suspended in Prefect: resume it there; times out in 59 m 49 s."


@pytest.mark.parametrize("state", [FlowState.SCHEDULED, FlowState.RUNNING, FlowState.PAUSED])
async def test_a_cancelled_stage_waits_for_prefect_until_a_deadline(state: FlowState) -> None:
    changes = (created("train", LATER), observed("train", state, LATER))

    stage = await explain(*changes, lambda run: cancel_stage(run, "train", LATER, Actor("mara"), None))
    run = await explain(*changes, lambda run: run.cancel(LATER, "mara"))

    expected = "Prefect is cancelling the flow run of train; the stage is cancelled in 49 s at the latest."
    assert (stage, run) == (expected, f"Stopping for 11 s: {expected}")


async def test_a_cancelled_stage_says_that_prefect_does_not_answer() -> None:
    sentence = await explain(created("train", LATER), lambda run: run.cancel(LATER, "mara"), is_down=True)

    since = f"{NOW + timedelta(seconds=12):%H:%M} UTC"
    silence = f"Prefect has not responded since {since} and is to cancel the flow run of train"
    assert sentence == f"Stopping for 11 s: {silence}; the stage is cancelled in 49 s at the latest."


async def test_a_stopping_run_names_what_the_worker_and_what_prefect_is_ending() -> None:
    stages = [a_stage("load", needs=[]), a_stage("train", "prefect", needs=[])]

    sentence = await explain(lambda run: start(run, LATER), created("train", LATER), lambda run: run.cancel(LATER, "mara"), stages=stages)

    train = "Prefect is cancelling the flow run of train; the stage is cancelled in 49 s at the latest."
    assert sentence == f"Stopping for 11 s: the worker is ending load. {train}"


ENDS = {
    "Completed in 1 s.": observed("train", FlowState.COMPLETED, LATER, run_seconds=1),
    "train failed: 3 rows too few.": observed("train", FlowState.FAILED, LATER, message="3 rows too few\nat line 2"),
    "train failed: time limit exceeded.": observed("train", FlowState.FAILED, LATER, "TimedOut", message="exceeded 5 seconds"),
    "train failed: Prefect has no deployment ml/train.": lambda run: fail_request(
        run, "train", 1, "Prefect has no deployment ml/train.", LATER
    ),
    "Lost: the flow run of train crashed: exit code -9. A retry starts at train.": observed(
        "train", FlowState.CRASHED, LATER, message="exit code -9."
    ),
    "Lost: Prefect no longer has the flow run of train. A retry starts at train.": lambda run: lose_flow_run(run, "train", 1, LATER),
    "Cancelled in Prefect before train completed. A retry starts at train.": observed("train", FlowState.CANCELLED, LATER),
}


@pytest.mark.parametrize("sentence", ENDS)
async def test_an_ended_flow_run_says_how_it_ended(sentence: str) -> None:
    assert await explain(created("train", LATER), ENDS[sentence]) == sentence


async def test_a_run_cancelled_from_here_is_not_called_cancelled_in_prefect() -> None:
    cancelled = observed("train", FlowState.CANCELLED, LATER)

    sentence = await explain(created("train", LATER), lambda run: run.cancel(LATER, "mara"), cancelled)

    assert sentence == "Cancelled before train completed. A retry starts at train."


async def test_a_flow_run_that_never_started_before_its_deadline_says_so() -> None:
    sentence = await explain(created("train", LATER), lambda run: run.process_due(LATER + timedelta(days=2)))

    assert sentence == "train failed: Prefect did not start its flow run before the deadline."
