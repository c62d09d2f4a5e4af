"""Why runs did not happen, on a real Headgate whose processes are killed: by terminal, by the API and on the page."""

from __future__ import annotations

import html
import re
import time
from typing import Any

from tests.support.running_headgate import Headgate, temporary_headgate
from tests.system.test_pipelines_run import sh
from tests.system.test_shutdown_and_crashes import get_process_name

MISSED_SECONDS = 66.0
"""A tick is missed when it is more than a minute late: this long and the time between two ticks."""


def list_entries(headgate: Headgate, name: str, reason: str) -> list[dict[str, Any]]:
    return [entry for entry in headgate.http.get(f"/pipelines/{name}/why").json()["entries"] if entry["reason"] == reason]


def is_found_everywhere(headgate: Headgate, name: str, reason: str) -> bool:
    """Return True if the terminal and the page have a sentence of the API with this reason. All are read while time goes on."""
    sentences = [entry["sentence"] for entry in list_entries(headgate, name, reason)]
    printed = headgate.build_shell().run(f"headgate why {name}")
    page = html.unescape(re.sub(r"<[^>]*>", "", headgate.http.get(f"/ui/pipelines/{name}", headers={"Accept": "text/html"}).text))
    return any(sentence in printed and sentence in " ".join(page.split()) for sentence in sentences)


def test_an_earlier_run_and_a_kill_of_all_processes_are_named() -> None:
    with temporary_headgate(examples=False, with_prefect=False) as headgate:
        headgate.start()
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
