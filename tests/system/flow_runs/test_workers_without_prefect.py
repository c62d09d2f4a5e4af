"""A worker that knows only the web's address and its token: the web shows its runs in Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.process import Process
from tests.support.waiting import wait_for
from tests.system.flow_runs.lab import ENDED, STEP_SECONDS, FlowRunLab

PIPELINES = {
    "alone-good": "until test -e {go}; do sleep 0.05; done",
    "alone-bad": "until test -e {go}; do sleep 0.05; done; exit 3",
    "alone-stopped-here": "sleep 600",
    "alone-stopped-in-prefect": "sleep 600",
    "alone-orphaned": "sleep 600",
}
"""Each has one stage, with this command. The names are those of no other test, because all share one Headgate."""

ENDS = {
    "alone-good": "COMPLETED",
    "alone-bad": "FAILED",
    "alone-stopped-here": "CANCELLED",
    "alone-stopped-in-prefect": "CANCELLED",
}


@pytest.fixture
def worker(lab: FlowRunLab) -> Iterator[Process]:
    """A worker with two variables, as on another machine."""
    token = lab.stack.run_command("worker-tokens", "create", "alone")
    own = {"HEADGATE_HOME": str(lab.stack.folder / "alone"), "HEADGATE_WORKER_TOKEN": token}
    process = lab.stack.build_worker("alone", 0, **own)
    for name in ("HEADGATE_SECRET", "HEADGATE_PREFECT_API_URL", "HEADGATE_PREFECT_API_AUTH_STRING"):
        del process.environment[name]
    process.start()
    yield process
    process.end()


def test_prefect_shows_the_runs_of_a_worker_that_knows_no_prefect(lab: FlowRunLab, worker: Process) -> None:
    go = lab.stack.folder / "go"
    for name, command in PIPELINES.items():
        lab.stack.create({"name": name, "stages": [{"name": "only", "shell": True, "command": command.format(go=go)}]})
    runs = {name: lab.trigger(name) for name in PIPELINES}
    flow_runs = {name: wait_for_state(lab, f"{name}#1", "RUNNING") for name in PIPELINES}

    go.touch()
    lab.http.post(f"/runs/{runs['alone-stopped-here']}/cancel").raise_for_status()
    lab.set_state(flow_runs["alone-stopped-in-prefect"]["id"], "CANCELLING")
    for name, state in ENDS.items():
        ended = wait_for_state(lab, f"{name}#1", state)
        assert ended["id"] == flow_runs[name]["id"]
        assert ended["start_time"] == flow_runs[name]["start_time"] < ended["end_time"]
    worker.kill()
    wait_for_state(lab, "alone-orphaned#1", "CRASHED")

    statuses = {name: lab.http.get(f"/runs/{run_id}").json()["status"] for name, run_id in runs.items()}
    assert statuses == {
        "alone-good": "completed",
        "alone-bad": "failed",
        "alone-stopped-here": "cancelled",
        "alone-stopped-in-prefect": "cancelled",
        "alone-orphaned": "lost",
    }
    assert {flow_run["state_type"] for flow_run in find_flow_runs(lab)} <= ENDED


def wait_for_state(lab: FlowRunLab, name: str, state: str) -> dict[str, Any]:
    """Return the only flow run of that name once it has the state."""

    def find() -> dict[str, Any] | None:
        found = find_flow_runs(lab, name)
        assert len(found) <= 1, found
        return found[0] if found and found[0]["state_type"] == state else None

    describe = lambda: f"{name}: {find_flow_runs(lab, name)}\n{lab.stack.read_logs()}"  # noqa: E731
    return dict(wait_for(find, STEP_SECONDS, describe))


def find_flow_runs(lab: FlowRunLab, *names: str) -> list[dict[str, Any]]:
    """Return the flow runs of these names; all that show runs of Headgate if there are none."""
    named = {"flow_runs": {"name": {"any_": list(names)}}} if names else {}
    return list(lab.post("/flow_runs/filter", {"flows": {"name": {"any_": ["run_pipeline"]}}, **named}))
