"""What runs and stages do that wait for slots of concurrency limits."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access.actor import Actor
from domain.concurrency.allocation import Allocation, BucketState, OpeningSlots
from domain.concurrency.bucket import Bucket
from domain.concurrency.slots import SlotState
from domain.errors import Conflict
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.approvals import Decision, decide_approval
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.retry import change_revision, retry_failed
from domain.runs.run import Run
from domain.runs.stage_actions import skip_stage
from domain.runs.status import Reason, Status
from domain.runs.trigger import REPORT, Trigger
from tests.support.builders import NOW, WORKER, a_definition, a_run, a_stage

PERSON = Actor("mara")
LATER = NOW + timedelta(minutes=5)
DISK = Bucket("group:disk", "group:disk")


def a_limited_run(stages: Any = 2, *, held: int = 0, limit: int = 1, over_limit: bool = False, trigger: str = "api", **keys: Any) -> Run:
    """Return a run that opens while `held` slots of its limit, and of the group disk, are held."""
    states = {"pipeline:1": BucketState(limit, held), DISK.name: BucketState(limit, held)}
    return Run.open(
        pipeline_id=1,
        definition=a_definition(stages=stages, **({"concurrency": [{"limit": limit}]} | keys)),
        revision=1,
        number=1,
        trigger=Trigger(trigger),
        parameters={},
        now=NOW,
        slots=OpeningSlots(Allocation(states), over_limit),
    )


def complete(run: Run, *names: str) -> None:
    for name in names:
        if run.dispatch.state is DispatchState.REQUESTED:
            run.claim(run.dispatch.epoch, WORKER, NOW)
        run.start_ready_stages(9, WORKER, NOW)
        judge_report(run, Report(Status.COMPLETED, name), Reporter(WORKER, WORKER, run.dispatch.epoch), None, NOW)


def get_events(run: Run) -> list[EventType]:
    return [event.type for event in run.new_events]


def test_a_run_that_gets_its_slot_at_once_looks_like_one_without_limits() -> None:
    run = a_limited_run()

    assert (run.status, run.slot_state) == (Status.QUEUED, SlotState.HELD)
    assert get_events(run) == get_events(a_run(2))
    assert [(change.position, change.state) for change in run.slot_changes.values()] == [(None, SlotState.HELD)]


def test_a_run_without_a_free_slot_is_queued_with_the_reason_limit_and_has_no_dispatch() -> None:
    run = a_limited_run(held=1)

    first = next(iter(run.stages.values())).current
    assert (run.status, run.slot_state, run.dispatch.state) == (Status.QUEUED, SlotState.WAITING, DispatchState.NONE)
    assert (first.status, first.reason, first.deadline_at) == (Status.QUEUED, Reason.LIMIT, NOW + timedelta(days=7))
    limited = next(event for event in run.new_events if event.type is EventType.RUN_LIMITED)
    assert limited.data == {"buckets": ["pipeline:1"]}
    assert not run.startable_stages


def test_a_grant_lets_the_stages_start_and_gives_them_the_time_for_a_worker_anew() -> None:
    run = a_limited_run(held=1)

    run.grant(None, LATER)

    first = next(iter(run.stages.values())).current
    assert (first.reason, first.queued_at, first.deadline_at) == (None, LATER, LATER + timedelta(days=1))
    assert (run.slot_state, run.dispatch.state) == (SlotState.HELD, DispatchState.REQUESTED)
    granted = next(event for event in run.new_events if event.type is EventType.RUN_GRANTED)
    assert granted.data == {"over_limit": False, "waited": 300.0}
    with pytest.raises(Conflict, match="does not wait"):
        run.grant(None, LATER)


def test_a_stage_that_waited_too_long_for_a_slot_fails_with_a_sentence_of_its_own() -> None:
    run = a_limited_run(1, held=1)

    run.process_due(NOW + timedelta(days=7))

    stage = next(iter(run.stages.values())).current
    assert (run.status, stage.reason) == (Status.FAILED, Reason.TIMEOUT)
    assert stage.error_message == "No slot of its concurrency limits became free before the deadline."
    assert run.slot_state is SlotState.NONE


def test_a_stage_waits_for_its_own_slot_after_its_run_has_one() -> None:
    run = a_limited_run([a_stage("a", uses=["disk"], needs=[]), a_stage("b", needs=[])], held=1)

    run.grant(None, LATER)

    assert [stage.name for stage in run.startable_stages] == ["b"]
    assert run.slot_changes[0].buckets == (DISK,)
    run.grant(0, LATER)
    assert [stage.name for stage in run.startable_stages] == ["a", "b"]
    assert EventType.STAGE_GRANTED in get_events(run)


def test_a_stage_gives_its_slot_back_between_two_attempts() -> None:
    stages = [a_stage("a", uses=["disk"], retries=1, retry_delay=60)]
    run = a_limited_run(stages, concurrency=[])
    assert run.slot_changes[0].state is SlotState.HELD
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(1, WORKER, NOW)

    judge_report(run, Report(Status.FAILED, "a"), Reporter(WORKER, WORKER, 1), None, NOW)

    assert run.slot_changes[0].state is SlotState.NONE
    run.process_due(LATER)
    assert run.slot_changes[0].state is SlotState.WAITING
    assert run.stages["a"].current.reason is Reason.LIMIT


def test_a_lost_holder_keeps_its_slot_until_its_lease_ends() -> None:
    run = a_limited_run([a_stage("a", uses=["disk"])], concurrency=[])
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(1, WORKER, NOW)
    run.process_due(NOW + timedelta(minutes=1))
    assert run.slot_changes[0].state is SlotState.HELD

    run.lose_dispatch(1, LATER)

    assert run.slot_changes[0].state is SlotState.NONE


def test_a_run_gives_its_slot_back_while_it_waits_for_an_approval_and_requests_it_again() -> None:
    run = a_limited_run(["a", a_stage("ask", "approval"), "b"])
    complete(run, "a")
    assert (run.status, run.slot_state, run.slot_changes[None].state) == (Status.WAITING, SlotState.RELEASED, SlotState.NONE)

    decide_approval(run, "ask", Decision(True), LATER, PERSON)

    assert (run.status, run.slot_state) == (Status.RUNNING, SlotState.WAITING)
    assert (run.slot_changes[None].state, run.slot_changes[None].at) == (SlotState.WAITING, LATER)
    assert run.stages["b"].current.reason is Reason.LIMIT


def test_an_approval_with_hold_and_an_external_stage_whose_turn_it_is_keep_the_slot() -> None:
    holding = a_limited_run(["a", a_stage("ask", "approval", hold=True)])
    complete(holding, "a")
    assert holding.slot_state is SlotState.HELD

    with_external = a_limited_run(["a", a_stage("ask", "approval", needs=["a"]), a_stage("far", "external", needs=["a"])])
    complete(with_external, "a")
    assert with_external.slot_state is SlotState.HELD

    blocked = a_limited_run(["a", a_stage("ask", "approval"), a_stage("far", "external")])
    complete(blocked, "a")
    assert blocked.slot_state is SlotState.RELEASED


def test_a_run_that_begins_with_an_approval_asks_before_it_needs_a_slot() -> None:
    run = a_limited_run([a_stage("ask", "approval"), "a"], held=1)
    assert (run.status, run.slot_state, run.slot_changes) == (Status.WAITING, SlotState.RELEASED, {})

    decide_approval(run, "ask", Decision(True), LATER, PERSON)

    assert (run.status, run.slot_state) == (Status.QUEUED, SlotState.WAITING)


def test_a_retry_of_a_finished_run_requests_its_slots_again() -> None:
    run = a_limited_run(1)
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(1, WORKER, NOW)
    name = next(iter(run.stages))
    judge_report(run, Report(Status.FAILED, name), Reporter(WORKER, WORKER, 1), None, NOW)
    run.end_dispatch(NOW)
    assert (run.slot_state, run.slot_changes[None].state) == (SlotState.NONE, SlotState.NONE)

    retry_failed(run, LATER, PERSON)

    assert (run.slot_state, run.slot_changes[None].state) == (SlotState.WAITING, SlotState.WAITING)
    assert run.status is Status.RUNNING


def test_a_reopened_run_requests_its_slots_again_while_a_stage_waits_for_its_retry() -> None:
    stages = [a_stage("a", needs=[], retries=1, retry_delay=3), a_stage("b", needs=[], uses=["disk"])]
    run = a_limited_run(stages, parallelism=1)
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(1, WORKER, NOW)
    run.cancel(LATER, "mara")
    judge_report(run, Report(Status.FAILED, "a"), Reporter(WORKER, WORKER, 1), None, LATER)
    run.end_dispatch(LATER)
    assert (run.status, run.slot_state) == (Status.CANCELLED, SlotState.NONE)

    skip_stage(run, "b", LATER, PERSON, None)

    assert (run.stages["a"].current.reason, run.slot_state) == (Reason.RETRY, SlotState.WAITING)
    run.grant(None, LATER)
    assert (run.stages["a"].current.reason, run.slot_state) == (Reason.RETRY, SlotState.HELD)


def test_a_cancelled_run_stops_waiting_and_one_that_runs_holds_its_slot_to_its_end() -> None:
    waiting = a_limited_run(held=1)
    waiting.cancel(LATER, "mara")
    assert (waiting.status, waiting.slot_state, waiting.slot_changes[None].state) == (Status.CANCELLED, SlotState.NONE, SlotState.NONE)

    running = a_limited_run(1)
    running.claim(1, WORKER, NOW)
    running.start_ready_stages(1, WORKER, NOW)
    running.cancel(LATER, "mara")
    assert (running.is_over, running.slot_state) == (False, SlotState.HELD)


def test_external_stages_of_a_run_that_waits_have_their_timeout_from_the_grant_on() -> None:
    run = a_limited_run([a_stage("far", "external", timeout=60)], held=1)
    assert (run.status, run.stages["far"].current.deadline_at) == (Status.QUEUED, NOW + timedelta(days=7))

    run.grant(None, LATER)

    assert (run.status, run.stages["far"].current.deadline_at) == (Status.WAITING, LATER + timedelta(seconds=60))


def test_reports_are_never_limited() -> None:
    opened = a_limited_run([a_stage("far", "external")], held=1, trigger=REPORT)
    assert (opened.status, opened.slot_state, opened.slot_changes) == (Status.WAITING, SlotState.NONE, {})

    waiting = a_limited_run([a_stage("far", "external")], held=1)
    decision = judge_report(waiting, Report(Status.RUNNING, "far"), Reporter("ci"), None, LATER)
    assert decision.applied
    assert waiting.status is Status.RUNNING


def test_a_worker_cannot_start_a_stage_that_waits_for_a_slot() -> None:
    run = a_limited_run([a_stage("a", needs=[]), a_stage("b", needs=[], uses=["disk"])], held=1, concurrency=[])
    run.claim(1, WORKER, NOW)

    decision = judge_report(run, Report(Status.RUNNING, "b"), Reporter(WORKER, WORKER, 1), None, LATER)

    assert decision.problem == "impossible_move"
    assert run.stages["b"].status is Status.QUEUED


def test_a_run_over_the_limit_starts_at_once_and_its_history_says_so() -> None:
    run = a_limited_run(held=1, over_limit=True)

    assert run.slot_changes[None].over_limit
    granted = next(event for event in run.new_events if event.type is EventType.RUN_GRANTED)
    assert granted.data["over_limit"] is True
    assert run.startable_stages


def test_the_priority_is_the_definitions_unless_the_trigger_gives_one() -> None:
    definition = a_definition(priority=7)
    keys: dict[str, Any] = {"pipeline_id": 1, "definition": definition, "revision": 1, "number": 1, "parameters": {}, "now": NOW}

    assert Run.open(**keys, trigger=Trigger("api")).priority == 7
    assert Run.open(**keys, trigger=Trigger("api"), priority=-3).priority == -3


def test_a_newer_revision_cannot_change_the_slots_of_a_run_that_waits_or_of_a_stage_that_has_its_turn() -> None:
    waiting = a_limited_run(held=1)
    with pytest.raises(Conflict) as refused:
        change_revision(waiting, a_definition(stages=2, concurrency=[{"limit": 2}]), 2)
    assert refused.value.kind == "limits_changed"

    started = a_limited_run([a_stage("a", uses=["disk"])], concurrency=[])
    with pytest.raises(Conflict):
        change_revision(started, a_definition(stages=[a_stage("a")]), 2)


def test_a_run_that_a_newer_revision_no_longer_limits_gives_its_slot_back() -> None:
    run = a_limited_run(["a", a_stage("b", needs=[])])
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(1, WORKER, NOW)
    judge_report(run, Report(Status.FAILED, "a"), Reporter(WORKER, WORKER, 1), None, NOW)

    change_revision(run, a_definition(stages=["a", a_stage("b", needs=[])]), 2)
    retry_failed(run, LATER, PERSON)

    assert (run.slot_state, run.slot_changes[None].state) == (SlotState.NONE, SlotState.NONE)
