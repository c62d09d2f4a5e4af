"""Skip and cancel stages."""

import pytest

from domain.errors import Conflict
from domain.runs.stage_actions import cancel_stage, skip_stage
from domain.runs.status import Status
from tests.support.builders import a_stage, a_started_run
from tests.unit.domain.runs.run_helpers import LATER, MARA, a_failed_run, end_stage, statuses


def test_a_skipped_failure_satisfies_the_stages_that_need_it() -> None:
    run = a_failed_run()

    assert skip_stage(run, "b", LATER, MARA, "done by hand")

    assert statuses(run) == {"a": "completed 1", "b": "skipped 2", "c": "queued 2"}
    assert run.stages["b"].current.message == "done by hand"
    end_stage(run, "c")
    assert run.status is Status.COMPLETED


def test_skipping_the_last_failure_completes_the_run() -> None:
    run = a_started_run(1)
    end_stage(run, "a", Status.FAILED)

    skip_stage(run, "a", LATER, MARA, None)

    assert (run.status, run.finished_at) == (Status.COMPLETED, LATER)
    assert not skip_stage(run, "a", LATER, MARA, None)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.RUNNING])
def test_a_completed_or_running_stage_cannot_be_skipped(status: Status) -> None:
    run = a_started_run(2)
    if status is Status.COMPLETED:
        end_stage(run, "a")

    with pytest.raises(Conflict) as error:
        skip_stage(run, "a", LATER, MARA, None)

    assert error.value.kind == "not_skippable"


def test_the_worker_stops_a_cancelled_stage_and_the_run_continues() -> None:
    run = a_started_run([a_stage("a", needs=[]), a_stage("b", needs=[])])

    assert cancel_stage(run, "a", LATER, MARA, "wrong file")
    assert not cancel_stage(run, "a", LATER, MARA, "wrong file")

    assert run.attempts_to_stop == [("a", 1)]
    assert run.stages["a"].status is Status.RUNNING
    end_stage(run, "a", Status.CANCELLED)
    assert run.attempts_to_stop == []
    assert (run.status, run.stop_requested_at) == (Status.RUNNING, None)


def test_a_stage_that_is_not_running_is_cancelled_immediately() -> None:
    run = a_started_run(3)

    cancel_stage(run, "b", LATER, MARA, None)

    assert statuses(run) == {"a": "running 1", "b": "cancelled 1", "c": "skipped 1"}
    end_stage(run, "a")
    assert run.status is Status.CANCELLED
