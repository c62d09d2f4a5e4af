"""What a commit wakes."""

from application.services.dispatch.local_wakeups import LocalWakeups
from domain.access.actor import Actor
from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.run import Run
from domain.runs.run_flow_runs import observe_flow_run, record_created
from domain.runs.stage_actions import cancel_stage
from tests.fakes.dispatch.worker_streams import FakeWorkerStreams
from tests.support.builders import NOW, a_run, a_stage


def is_woken(run: Run) -> bool:
    """Return True if a commit of the run wakes the services of flow runs."""
    wakeups = LocalWakeups(FakeWorkerStreams(), frozenset())
    wakeups.notify_committed([run])
    assert wakeups.followed_flow_runs.is_set() == wakeups.flow_runs.is_set()
    return wakeups.flow_runs.is_set()


def test_a_requested_flow_run_wakes_its_services_once() -> None:
    run = a_run([a_stage("a", "prefect")])

    assert is_woken(run)
    assert not is_woken(run)


def test_a_run_without_flow_runs_wakes_no_service_of_flow_runs() -> None:
    assert not is_woken(a_run())


def test_a_cancelled_flow_run_wakes_its_services_and_one_that_ended_does_not() -> None:
    run = a_run([a_stage("a", "prefect", needs=[]), a_stage("b", "prefect", needs=[])])
    record_created(run, "a", 1, "f-1", NOW)
    is_woken(run)

    cancel_stage(run, "a", NOW, Actor("mara"), None)
    assert is_woken(run)

    observe_flow_run(run, "a", 1, FlowRunObservation(FlowState.CANCELLED, "Cancelled"), NOW)
    assert not is_woken(run)
