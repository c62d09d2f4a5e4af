"""Kill the processes of a running Headgate."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_headgate import Headgate, read_command_line, temporary_headgate
from tests.system.test_pipelines_run import sh


@pytest.fixture(scope="module")
def headgate() -> Iterator[Headgate]:
    """A Headgate that soon takes a worker that does not respond for lost."""
    with temporary_headgate(examples=False, with_prefect=False, HEADGATE_LEASE_SECONDS="4", HEADGATE_HEARTBEAT_SECONDS="1") as headgate:
        yield headgate.start()


def test_kill_9_of_everything_loses_nothing(headgate: Headgate) -> None:
    headgate.create("short", [sh("a", "true"), sh("b", "true")])
    headgate.create("long", [sh("a", "sleep 600", retries=1, retry_on_loss=True), sh("b", "true")])
    done = headgate.finished(headgate.trigger("short"))
    running = headgate.trigger("long")
    headgate.wait_until(lambda: headgate.stages(running)["a"]["status"] == "running", 30)

    headgate.kill()
    remaining = {get_process_name(pid) for pid in headgate.processes() if get_process_name(pid) != "postgres"}
    headgate.wait_until(lambda: {get_process_name(pid) for pid in headgate.processes()} <= {"postgres"}, 20)
    headgate.start()

    assert headgate.http.get(f"/runs/{done['id']}").json()["status"] == "completed"
    headgate.wait_until(lambda: headgate.stages(running)["a"]["attempt"] == 2, 60)
    assert remaining, "only PostgreSQL was left, so nothing was tested"


def get_process_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "postgres"


def test_the_stage_of_a_killed_worker_ends_and_its_run_is_lost(headgate: Headgate) -> None:
    headgate.create("held", [sh("a", 'echo "pid $$"; exec sleep 600')])
    run_id = headgate.trigger("held")
    headgate.wait_until(lambda: find_stage_pid(headgate.http, run_id), 30)
    pid = find_stage_pid(headgate.http, run_id)
    worker = next(p for p in headgate.processes() if "worker" in read_command_line(p))

    os.kill(worker, signal.SIGKILL)

    headgate.wait_until(lambda: not Path(f"/proc/{pid}").exists(), 20)
    run = headgate.finished(run_id)
    assert run["status"] == "lost"
    assert "stopped responding" in run["why"]
    headgate.create("next", [sh("a", "true")])
    assert headgate.finished(headgate.trigger("next"))["status"] == "completed"


def find_stage_pid(http: object, run_id: int) -> int:
    lines = http.get(f"/runs/{run_id}/logs", headers={"Accept": "application/json"}).json()  # type: ignore[attr-defined]
    return next((int(line["text"].split()[1]) for line in lines if line["text"].startswith("pid ")), 0)
