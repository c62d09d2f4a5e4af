"""A run in a person's hands, from a terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.headgate_command import build_argv, build_environment
from tests.support.running_headgate import Headgate

Run = Callable[..., subprocess.CompletedProcess[str]]


def look(headgate: Headgate, path: str) -> Any:
    return headgate.http.get(path).raise_for_status().json()


@pytest.fixture
def headgate(running_headgate: Headgate, tmp_path: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            build_argv(*arguments),
            env=build_environment(running_headgate.url),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


def test_a_failed_run_is_retried_until_it_completes(headgate: Run, running_headgate: Headgate, tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    running_headgate.create("cli-mended", [{"name": "a", "command": ["true"]}, {"name": "b", "command": ["test", "-e", str(mended)]}])
    run_id = running_headgate.trigger("cli-mended")
    running_headgate.wait_until(lambda: look(running_headgate, f"/runs/{run_id}")["status"] == "failed", 60)
    mended.touch()

    retried = headgate("retry", str(run_id))
    running_headgate.wait_until(lambda: look(running_headgate, f"/runs/{run_id}")["status"] == "completed", 60)
    nothing = headgate("retry", str(run_id))
    again = headgate("again", str(run_id), "--json")

    assert (retried.returncode, "(b)" in retried.stdout) == (0, True), retried
    assert nothing.returncode == 2 and "No stage of this run failed" in nothing.stderr
    assert [stage["attempt"] for stage in look(running_headgate, f"/runs/{run_id}/stages")] == [1, 2]
    assert look(running_headgate, f"/runs/{json.loads(again.stdout)['run_id']}")["repeats"] == run_id


def test_an_approval_is_listed_given_and_reaches_the_next_stage(headgate: Run, running_headgate: Headgate) -> None:
    fields = {"type": "object", "properties": {"ticket": {"type": "string"}}, "required": ["ticket"]}
    publish = {"name": "publish", "command": ["sh", "-c", 'echo "for $HEADGATE_PARAM_TICKET"']}
    running_headgate.create("cli-gated", [{"name": "ask", "kind": "approval", "message": "Publish?", "fields": fields}, publish])
    run_id = running_headgate.trigger("cli-gated")

    listed = headgate("waiting")
    without = headgate("approve", str(run_id), "ask")
    given = headgate("approve", str(run_id), "ask", "--comment", "fine", "--field", "ticket=OPS-7")
    running_headgate.wait_until(lambda: look(running_headgate, f"/runs/{run_id}")["status"] == "completed", 60)
    late = headgate("reject", str(run_id), "ask")

    assert "cli-gated #1  ask  waits for approval" in listed.stdout and "Publish?" in listed.stdout
    assert without.returncode == 2 and "ticket" in without.stderr
    assert given.returncode == 0, given
    assert late.returncode == 2 and "approved already" in late.stderr
    running_headgate.wait_until(lambda: "for OPS-7" in str(look(running_headgate, f"/runs/{run_id}/logs")), 20)


def test_a_stage_is_skipped_and_a_run_cancelled(headgate: Run, running_headgate: Headgate) -> None:
    running_headgate.create("cli-skipped", [{"name": "a", "command": ["false"]}, {"name": "b", "kind": "external"}])
    run_id = running_headgate.trigger("cli-skipped")
    running_headgate.wait_until(lambda: look(running_headgate, f"/runs/{run_id}")["status"] == "failed", 60)

    skipped = headgate("skip", str(run_id), "a", "--message", "by hand")
    cancelled = headgate("cancel", str(run_id), "--message", "enough")

    assert (skipped.returncode, cancelled.returncode) == (0, 0), (skipped, cancelled)
    assert look(running_headgate, f"/runs/{run_id}")["status"] == "cancelled"
