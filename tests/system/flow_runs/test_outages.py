"""Stages that run a Prefect deployment while Prefect, its worker, its data or Headgate's web are missing."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from tests.system.flow_runs.lab import FlowRunLab

STEPS = ("before_create", "after_create", "before_record", "after_record")
"""The steps of the creation of a flow run. At one of each, the web is killed."""


@pytest.fixture(scope="module", autouse=True)
def killed_runs(lab: FlowRunLab) -> list[int]:
    """Runs for each of which a web was killed at a step. The flow run that a killed web was creating is due again after a minute.

    The web that runs afterwards is killed at the end of a flow run.
    """
    names = {step: f"kill-{step.replace('_', '-')}" for step in STEPS}
    for name in names.values():
        lab.create(name, "complete", "act/idle")
    for step, name in names.items():
        lab.restart_web(HEADGATE_FAILPOINTS=f"flow_run.{step}")
        with contextlib.suppress(httpx.TransportError):  # the web may end before it answers
            lab.trigger(name)
        lab.wait_until_web_ended()
    lab.restart_web(HEADGATE_FAILPOINTS="flow_run.before_end")
    return [lab.find_run(name) for name in names.values()]


@pytest.fixture(scope="module", autouse=True)
def ended_run(lab: FlowRunLab, killed_runs: list[int]) -> int:
    """A run for which a web was killed at the end of its flow run."""
    lab.create("kill-before-end", "complete", "act/idle")
    run_id = lab.trigger("kill-before-end")
    lab.set_state(lab.wait_until_created(run_id), "COMPLETED", force=True)
    lab.wait_until_web_ended()
    lab.restart_web()
    return run_id


@pytest.fixture(scope="module", autouse=True)
def deleted_run(lab: FlowRunLab) -> int:
    """A run whose flow run is deleted in Prefect. It takes a minute until its stage is lost, in which the other tests run."""
    run_id = lab.start("deleted", "complete", "act/idle")
    lab.prefect.delete(f"/flow_runs/{lab.wait_until_created(run_id)}").raise_for_status()
    return run_id


@pytest.fixture(scope="module", autouse=True)
def orphaned_run(lab: FlowRunLab) -> int:
    """A run whose flow run was killed together with its worker. It takes a minute until its state is forced."""
    run_id = lab.start("orphaned", "wait", timeout=10)
    lab.wait_for_state(lab.wait_until_created(run_id), "RUNNING")
    lab.kill_worker()
    lab.start_worker()
    return run_id


@pytest.fixture(scope="module", autouse=True)
def taken_run(lab: FlowRunLab) -> int:
    """A cancelled run whose flow run a worker has taken, but does not start. It takes a minute until its state is forced."""
    run_id = lab.start("taken", "complete", "act/idle")
    lab.set_state(lab.wait_until_created(run_id), "PENDING")
    lab.http.post(f"/runs/{run_id}/cancel").raise_for_status()
    lab.wait_for_why(run_id, "Prefect is cancelling the flow run of train")
    return run_id


def test_a_pool_without_a_worker_is_named_and_a_worker_that_comes_late_runs_it(lab: FlowRunLab) -> None:
    run_id = lab.start("late", "complete", "act/remote")

    why = lab.wait_for_why(run_id, "pool k8s has no worker")
    stage = lab.get_stage(run_id)
    with lab.late_worker():
        ended = lab.wait_for_end(run_id)

    assert why.startswith("Queued in Prefect")
    assert (stage["status"], stage["prefect"]["pool"]) == ("queued", "k8s")
    assert ended["status"] == "completed"


def test_a_flow_run_that_no_worker_took_is_cancelled_at_once(lab: FlowRunLab) -> None:
    run_id = lab.start("nobody", "complete", "act/idle")
    flow_run_id = lab.wait_until_created(run_id)

    lab.http.post(f"/runs/{run_id}/cancel").raise_for_status()

    assert lab.wait_for_end(run_id)["status"] == "cancelled"
    lab.wait_for_state(flow_run_id, "CANCELLED")


def test_stages_run_and_start_while_prefect_is_restarted(lab: FlowRunLab) -> None:
    running = lab.start("restarted", "wait")
    lab.wait_for_status(running, "running")
    lab.create("down", "complete")

    with lab.without_prefect():
        started = lab.trigger("down")
        for run_id, status in ((running, "running"), (started, "queued")):
            lab.wait_for_why(run_id, "Prefect has not responded since")
            assert lab.get_stage(run_id)["status"] == status
    lab.release("restarted")

    for run_id in (running, started):
        assert lab.wait_for_end(run_id)["status"] == "completed"
        assert len(lab.list_flow_runs(run_id)) == 1


def test_a_frozen_prefect_costs_no_flow_run_and_makes_none_twice(lab: FlowRunLab) -> None:
    lab.create("frozen", "complete", "act/idle")
    with lab.with_frozen_prefect():
        run_id = lab.trigger("frozen")
        lab.wait_for_why(run_id, "Prefect has not responded since")

    flow_run_id = lab.wait_until_created(run_id)

    assert [each["id"] for each in lab.list_flow_runs(run_id)] == [flow_run_id]
    lab.http.post(f"/runs/{run_id}/cancel").raise_for_status()
    lab.wait_for_status(run_id, "cancelled")


def test_a_deleted_flow_run_is_lost(lab: FlowRunLab, deleted_run: int) -> None:
    stage = lab.wait_for_end(deleted_run)

    assert stage["status"] == "lost"
    assert "Prefect no longer has the flow run of train" in lab.get_why(deleted_run)


def test_the_timeout_ends_a_flow_run_that_was_killed_with_its_worker(lab: FlowRunLab, orphaned_run: int) -> None:
    stage = lab.wait_for_end(orphaned_run)

    assert (stage["status"], stage["reason"]) == ("failed", "timeout")
    lab.wait_for_state(stage["prefect"]["flow_run_id"], "CANCELLED")


def test_a_cancelled_flow_run_that_prefect_does_not_end_is_forced(lab: FlowRunLab, taken_run: int) -> None:
    stage = lab.wait_for_end(taken_run)

    assert stage["status"] == "cancelled"
    lab.wait_for_state(stage["prefect"]["flow_run_id"], "CANCELLED")


def test_a_web_that_is_killed_at_any_step_makes_one_flow_run(lab: FlowRunLab, killed_runs: list[int]) -> None:
    assert len(killed_runs) == len(STEPS)
    for run_id in killed_runs:
        flow_run_id = lab.wait_until_created(run_id)
        lab.http.post(f"/runs/{run_id}/cancel").raise_for_status()

        assert lab.wait_for_end(run_id)["status"] == "cancelled"
        lab.wait_for_state(flow_run_id, "CANCELLED")
        assert [each["id"] for each in lab.list_flow_runs(run_id)] == [flow_run_id]


def test_a_web_that_is_killed_at_the_end_of_a_flow_run_completes_its_stage_once(lab: FlowRunLab, ended_run: int) -> None:
    stage = lab.wait_for_end(ended_run)

    assert (stage["status"], stage["attempt"]) == ("completed", 1)
    ends = [event for event in lab.list_events(ended_run) if event["stage"] == "train" and event["status"] == "completed"]
    assert len(ends) == 1
    assert len(lab.list_flow_runs(ended_run)) == 1


def test_nothing_is_left_open_in_prefect(lab: FlowRunLab) -> None:
    assert lab.list_open_flow_runs() == []


def test_stages_are_lost_with_prefects_database_and_new_ones_run(lab: FlowRunLab) -> None:
    running, queued = lab.start("running", "wait"), lab.start("queued", "complete", "act/idle")
    lab.wait_until_created(queued)
    lab.wait_for_status(running, "running")

    lab.kill_worker()
    lab.drop_prefects_database()
    lab.start_worker()

    for run_id in (running, queued):
        assert lab.wait_for_end(run_id)["status"] == "lost"
        assert "Prefect no longer has the flow run of train" in lab.get_why(run_id)
    anew = lab.start("anew", "complete")
    assert lab.wait_for_end(anew)["status"] == "completed"
