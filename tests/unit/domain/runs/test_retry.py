"""Retry stages of a run."""

import pytest

from domain.errors import Conflict, NotFound
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.retry import change_revision, retry_failed, retry_stages
from domain.runs.status import Reason, Status
from tests.support.builders import NOW, WORKER, a_definition, a_run, a_stage, a_started_run
from tests.unit.domain.runs.run_helpers import LATER, MARA, a_failed_run, end_stage, statuses


def test_a_retry_keeps_completed_stages_and_restarts_the_others() -> None:
    run = a_failed_run()
    before = [(attempt.status, attempt.finished_at) for attempt in run.stages["b"].attempts]

    names = retry_failed(run, LATER, MARA)

    assert names == ["b"]
    assert statuses(run) == {"a": "completed 1", "b": "queued 2", "c": "pending 2"}
    assert [(attempt.status, attempt.finished_at) for attempt in run.stages["b"].attempts][:1] == before
    assert run.stages["a"].current.output == {"rows": 3}
    assert (run.status, run.finished_at) == (Status.RUNNING, None)
    assert (run.dispatch.state, run.dispatch.epoch) == (DispatchState.REQUESTED, 2)


def test_the_events_of_a_retry_name_the_actor() -> None:
    run = a_failed_run()
    run.new_events.clear()

    retry_failed(run, LATER, MARA)

    events = [(event.type, event.stage, event.actor) for event in run.new_events]
    assert events[:3] == [
        (EventType.RUN_REOPENED, None, "mara"),
        (EventType.STAGE_RETRIED, "b", "mara"),
        (EventType.STAGE_RETRIED, "c", "mara"),
    ]
    assert run.new_events[0].data == {"act": "retry", "stages": ["b"]}


def test_a_reopened_run_can_complete() -> None:
    run = a_failed_run()

    retry_failed(run, LATER, MARA)
    end_stage(run, "b")
    end_stage(run, "c")

    assert run.status is Status.COMPLETED
    assert run.finished_at is not None


def test_a_cancelled_run_can_be_retried_from_the_cancelled_stages() -> None:
    run = a_started_run(3)
    end_stage(run, "a")
    run.cancel(NOW, "mara")
    for stage in run.running:
        judge_report(run, Report(Status.CANCELLED, stage.name, 1), Reporter(WORKER, WORKER, run.dispatch.epoch), None, NOW)
    run.end_dispatch(NOW)
    assert run.status is Status.CANCELLED

    retry_failed(run, LATER, MARA)

    assert (run.verdict, run.stop_requested_at) == (None, None)
    assert statuses(run) == {"a": "completed 1", "b": "queued 2", "c": "pending 2"}


def test_a_run_that_is_being_stopped_cannot_be_retried() -> None:
    run = a_started_run(2)
    run.cancel(NOW, "mara")

    with pytest.raises(Conflict) as error:
        retry_failed(run, LATER, MARA)

    assert error.value.kind == "run_ending"


def test_a_run_without_failures_cannot_be_retried() -> None:
    run = a_started_run(1)
    end_stage(run, "a")

    with pytest.raises(Conflict) as error:
        retry_failed(run, LATER, MARA)

    assert error.value.kind == "nothing_failed"
    assert run.status is Status.COMPLETED


@pytest.mark.parametrize(("stage", "kind"), [("a", "not_retryable"), ("c", "needs_not_done")])
def test_an_impossible_retry_is_refused_and_changes_nothing(stage: str, kind: str) -> None:
    run = a_failed_run()
    seq, before = run.last_seq, statuses(run)

    with pytest.raises(Conflict) as error:
        retry_stages(run, [stage], LATER, MARA)

    assert error.value.kind == kind
    assert (run.last_seq, statuses(run)) == (seq, before)


def test_an_unknown_stage_cannot_be_retried() -> None:
    with pytest.raises(NotFound):
        retry_stages(a_failed_run(), ["ghost"], LATER, MARA)


def test_a_retry_by_a_person_resets_the_automatic_retries() -> None:
    run = a_started_run([a_stage("a", retries=1)])
    end_stage(run, "a", Status.FAILED)
    end_stage(run, "a", Status.FAILED)
    assert run.status is Status.FAILED

    retry_failed(run, LATER, MARA)
    end_stage(run, "a", Status.FAILED)
    retried = statuses(run)
    end_stage(run, "a", Status.FAILED)

    assert retried == {"a": "queued 4"}
    assert statuses(run) == {"a": "failed 4"}
    assert run.status is Status.FAILED


def test_a_stage_can_be_retried_while_others_are_running() -> None:
    run = a_started_run([a_stage("a", needs=[]), a_stage("b", needs=[])])
    end_stage(run, "a", Status.FAILED)

    retry_stages(run, ["a"], LATER, MARA)

    assert statuses(run) == {"a": "queued 2", "b": "running 1"}
    assert EventType.RUN_REOPENED not in {event.type for event in run.new_events}


def test_a_retried_external_stage_waits_for_reports_again() -> None:
    run = a_run([a_stage("x", "external")])
    judge_report(run, Report(Status.FAILED, "x"), Reporter("machine"), None, NOW)

    retry_failed(run, LATER, MARA)

    assert (run.stages["x"].status, run.stages["x"].current.reason) == (Status.WAITING, Reason.EXTERNAL)
    assert run.stages["x"].current.deadline_at is not None
    assert run.dispatch.state is DispatchState.NONE


def test_a_retry_can_use_a_revision_with_the_same_graph() -> None:
    run = a_failed_run()
    newer = a_definition(stages=[a_stage(name, command=["new"], retries=2) for name in "abc"])

    change_revision(run, newer, 2)
    retry_failed(run, LATER, MARA)

    assert (run.revision, run.stages["b"].definition.command) == (2, ("new",))


@pytest.mark.parametrize(
    "stages", [2, 4, [a_stage("a"), a_stage("c"), a_stage("b")], [a_stage("a"), a_stage("b"), a_stage("c", needs=["a"])]]
)
def test_a_revision_with_another_graph_is_refused(stages: object) -> None:
    run = a_failed_run()

    with pytest.raises(Conflict) as error:
        change_revision(run, a_definition(stages=stages), 2)  # type: ignore[arg-type]

    assert (error.value.kind, run.revision) == ("graph_changed", 1)
