"""Kill the processes of a running Headgate."""

import html
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_headgate import Headgate, read_command_line, temporary_headgate
from tests.system.test_pipelines_run import sh

MISSED_SECONDS = 66.0
"""A tick is missed when it is more than a minute late: this long and the time between two ticks."""


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


def test_an_earlier_run_and_a_kill_of_all_processes_are_named(headgate: Headgate) -> None:
    """Find why runs did not happen: by terminal, by the API and on the page."""
    headgate.create("backup", [sh("dump", "sleep 12")], schedules=[{"name": "often", "every": "5s"}])
    headgate.create("copy", [sh("dump", "true")], schedules=[{"name": "often", "every": "5s", "catch_up": "none"}])

    headgate.wait_until(lambda: any("ran until" in each["sentence"] for each in list_entries(headgate, "backup", "overlap")), 60)
    headgate.wait_until(lambda: is_found_everywhere(headgate, "backup", "overlap"), 60)
    headgate.kill()
    headgate.wait_until(lambda: {get_process_name(pid) for pid in headgate.processes()} <= {"postgres"}, 20)
    time.sleep(MISSED_SECONDS)
    headgate.start()
    headgate.wait_until(lambda: list_entries(headgate, "copy", "outage"), 60)

    (entry,) = list_entries(headgate, "copy", "outage")
    assert entry["state"] == "missed"
    assert re.fullmatch(r"\d\d:\d\d(:\d\d)?(–\d\d:\d\d(:\d\d)?)? Headgate was down(, \d+ runs)?", entry["sentence"])
    assert is_found_everywhere(headgate, "copy", "outage")


def list_entries(headgate: Headgate, name: str, reason: str) -> list[dict[str, Any]]:
    return [entry for entry in headgate.http.get(f"/pipelines/{name}/why").json()["entries"] if entry["reason"] == reason]


def is_found_everywhere(headgate: Headgate, name: str, reason: str) -> bool:
    """Return True if the terminal and the page have a sentence of the API with this reason. All are read while time goes on."""
    sentences = [entry["sentence"] for entry in list_entries(headgate, name, reason)]
    printed = headgate.build_shell().run(f"headgate why {name}")
    page = html.unescape(re.sub(r"<[^>]*>", "", headgate.http.get(f"/ui/pipelines/{name}", headers={"Accept": "text/html"}).text))
    return any(sentence in printed and sentence in " ".join(page.split()) for sentence in sentences)
