"""How stages that run a Prefect deployment end, with a real Prefect server and its process worker."""

from __future__ import annotations

import pytest

from tests.system.flow_runs.lab import FlowRunLab


@pytest.fixture(scope="module")
def run_ids(lab: FlowRunLab) -> dict[str, int]:
    """The ids of runs by the names of their pipelines. They start together, since Prefect's worker takes seconds to start a flow."""
    started = {
        "fail": lab.start("fail", "fail"),
        "crash": lab.start("crash", "wait", retries=1, retry_on_loss=True),
        "pause": lab.start("pause", "pause"),
        "cancel-here": lab.start("cancel-here", "wait"),
        "cancel-there": lab.start("cancel-there", "wait"),
        "time-out": lab.start("time-out", "wait", timeout=3),
        "holder": lab.start("holder", "wait", "act/single"),
    }
    lab.wait_for_status(started["holder"], "running")
    return started | {"waiter": lab.start("waiter", "complete", "act/single", parameters={"count": 7})}


def test_a_flow_run_that_waits_for_a_concurrency_slot_says_so(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    holder, waiter = run_ids["holder"], run_ids["waiter"]

    why = lab.wait_for_why(waiter, "slot of a concurrency limit in Prefect")
    stage = lab.get_stage(waiter)
    lab.release("holder")

    assert why.startswith("Queued in Prefect")
    assert (stage["status"], stage["prefect"]["state_name"]) == ("queued", "AwaitingConcurrencySlot")
    assert [lab.wait_for_end(run_id)["status"] for run_id in (holder, waiter)] == ["completed", "completed"]


def test_a_completed_flow_run_gives_the_stage_its_result_artifacts_and_log(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    run_id = run_ids["waiter"]
    lab.release("holder")

    stage = lab.wait_for_end(run_id)

    assert stage["status"] == "completed", stage
    assert stage["output"]["result"] == {"count": 7}
    table, text = stage["output"]["artifacts"]
    assert table == {
        "key": "daylight",
        "type": "table",
        "description": "Hours of daylight",
        "data": [{"city": "Oslo", "hours": 18.4}],
    }
    assert (text["key"], text["data"]) == ("longest-day", "**Oslo**")
    (flow_run,) = lab.list_flow_runs(run_id)
    assert (stage["prefect"]["deployment"], stage["prefect"]["state_name"]) == ("act/single", "Completed")
    assert stage["prefect"]["flow_run_id"] == flow_run["id"]
    lab.wait_for_log(run_id, "ends")
    log = lab.read_log(run_id)
    assert log.index("begins to complete") < log.index("one line\n") < log.index("and another") < log.index("ends")


def test_a_flow_run_that_raises_fails_the_stage_with_its_error(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    stage = lab.wait_for_end(run_ids["fail"])

    assert (stage["status"], stage["reason"]) == ("failed", "error")
    assert "ValueError: no such customer" in stage["error_message"]
    assert "no such customer" in lab.get_why(run_ids["fail"])


def test_a_killed_flow_run_is_lost_and_can_be_retried(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    run_id = run_ids["crash"]
    lab.wait_for_status(run_id, "running")

    lab.kill_flow(lab.wait_until_created(run_id))

    lab.wait_for_stage(run_id, lambda stage: stage["attempt"] == 2 and stage["status"] == "running")
    lab.release("crash")
    assert lab.wait_for_end(run_id)["status"] == "completed"
    assert [each["state_name"] for each in lab.list_flow_runs(run_id)] == ["Crashed", "Completed"]
    first = [event["status"] for event in lab.list_events(run_id) if event["stage"] == "train" and event["attempt"] == 1]
    assert "lost" in first, lab.list_events(run_id)


def test_a_paused_flow_run_waits_until_it_is_resumed_in_prefect(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    run_id = run_ids["pause"]

    stage = lab.wait_for_status(run_id, "waiting", "completed", "failed", "lost")
    why = lab.get_why(run_id)
    lab.post(f"/flow_runs/{stage['prefect']['flow_run_id']}/resume", {})

    assert (stage["status"], stage["reason"]) == ("waiting", "paused")
    assert "paused in Prefect: resume it there" in why
    assert lab.wait_for_end(run_id)["status"] == "completed"


def test_a_cancel_in_headgate_ends_the_flow_run(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    run_id = run_ids["cancel-here"]
    flow_run_id = lab.wait_until_running(run_id)

    lab.http.post(f"/runs/{run_id}/cancel").raise_for_status()

    assert lab.wait_for_end(run_id)["status"] == "cancelled"
    lab.wait_for_state(flow_run_id, "CANCELLED")
    lab.wait_until_process_ended(flow_run_id)


def test_a_cancel_in_prefect_cancels_the_stage(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    run_id = run_ids["cancel-there"]
    flow_run_id = lab.wait_until_running(run_id)

    lab.set_state(flow_run_id, "CANCELLING")

    assert lab.wait_for_end(run_id)["status"] == "cancelled"
    lab.wait_until_process_ended(flow_run_id)


def test_a_timeout_fails_the_stage_and_ends_the_flow_run(lab: FlowRunLab, run_ids: dict[str, int]) -> None:
    stage = lab.wait_for_end(run_ids["time-out"])

    assert (stage["status"], stage["reason"]) == ("failed", "timeout")
    lab.wait_for_state(stage["prefect"]["flow_run_id"], "CANCELLED")
    lab.wait_until_process_ended(stage["prefect"]["flow_run_id"])


def test_parameters_that_break_the_schema_are_refused_at_the_trigger(lab: FlowRunLab) -> None:
    stage = {"name": "train", "kind": "prefect", "deployment": "act/local"}
    parameters = {"behavior": "complete", "count": {"parameter": "count"}}
    definition = {"name": "typed", "parameters": {"properties": {"count": {}}}, "stages": [stage | {"parameters": parameters}]}
    lab.stack.create(definition)

    answer = lab.http.post("/trigger/typed", json={"parameters": {"count": "many"}})

    assert answer.status_code == 422, answer.text
    assert "parameters.count" in answer.text and "deployment act/local" in answer.text


def test_an_unknown_deployment_is_refused(lab: FlowRunLab) -> None:
    definition = {"name": "unknown", "stages": [{"name": "train", "kind": "prefect", "deployment": "act/nowhere"}]}

    answer = lab.http.post("/pipelines/", json=definition)

    assert answer.status_code == 422, answer.text
    assert "stages[0].deployment" in answer.text and "act/nowhere" in answer.text
