"""Retry, repeat, approve, skip and cancel runs with commands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_commands import build_forked_argv
from tests.support.headgate_command import build_environment
from tests.support.running_headgate import Headgate

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


def get_json(headgate: Headgate, path: str) -> Any:
    return headgate.http.get(path).raise_for_status().json()


@pytest.fixture
def headgate(running_headgate: Headgate, tmp_path: Path) -> RunCommand:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            build_forked_argv(*arguments),
            env=build_environment(running_headgate.url),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


def test_a_failed_run_is_retried_until_it_completes(headgate: RunCommand, running_headgate: Headgate, tmp_path: Path) -> None:
    fixed = tmp_path / "fixed"
    running_headgate.create("cli-fixed", [{"name": "a", "command": ["true"]}, {"name": "b", "command": ["test", "-e", str(fixed)]}])
    run_id = running_headgate.trigger("cli-fixed")
    running_headgate.wait_until(lambda: get_json(running_headgate, f"/runs/{run_id}")["status"] == "failed", 60)
    fixed.touch()

    retried = headgate("retry", str(run_id))
    running_headgate.wait_until(lambda: get_json(running_headgate, f"/runs/{run_id}")["status"] == "completed", 60)
    repeated = headgate("retry", str(run_id))
    again = headgate("again", str(run_id), "--json")

    assert (retried.returncode, "(b)" in retried.stdout) == (0, True), retried
    assert repeated.returncode == 2 and "No stage of this run failed" in repeated.stderr
    assert [stage["attempt"] for stage in get_json(running_headgate, f"/runs/{run_id}/stages")] == [1, 2]
    assert get_json(running_headgate, f"/runs/{json.loads(again.stdout)['run_id']}")["repeats"] == run_id


def test_an_approval_is_listed_and_its_fields_reach_the_next_stage(headgate: RunCommand, running_headgate: Headgate) -> None:
    fields = {"type": "object", "properties": {"ticket": {"type": "string"}}, "required": ["ticket"]}
    publish = {"name": "publish", "command": ["sh", "-c", 'echo "for $HEADGATE_PARAM_TICKET"']}
    running_headgate.create("cli-gated", [{"name": "ask", "kind": "approval", "message": "Publish?", "fields": fields}, publish])
    run_id = running_headgate.trigger("cli-gated")

    listed = headgate("waiting")
    incomplete = headgate("approve", str(run_id), "ask")
    approved = headgate("approve", str(run_id), "ask", "--comment", "fine", "--field", "ticket=OPS-7")
    running_headgate.wait_until(lambda: get_json(running_headgate, f"/runs/{run_id}")["status"] == "completed", 60)
    late = headgate("reject", str(run_id), "ask")

    assert re.search(r"cli-gated#1 +ask +until .*  waits for approval: Publish\?", listed.stdout)
    assert incomplete.returncode == 2 and "ticket" in incomplete.stderr
    assert approved.returncode == 0, approved
    assert late.returncode == 2 and "approved already" in late.stderr
    running_headgate.wait_until(lambda: "for OPS-7" in str(get_json(running_headgate, f"/runs/{run_id}/logs")), 20)


def test_a_stage_is_skipped_and_a_run_cancelled(headgate: RunCommand, running_headgate: Headgate) -> None:
    running_headgate.create("cli-skipped", [{"name": "a", "command": ["false"]}, {"name": "b", "kind": "external"}])
    run_id = running_headgate.trigger("cli-skipped")
    running_headgate.wait_until(lambda: get_json(running_headgate, f"/runs/{run_id}")["status"] == "failed", 60)

    skipped = headgate("skip", "cli-skipped#1", "a", "--message", "by hand")
    shown = headgate("status", "cli-skipped#1", "--json")
    cancelled = headgate("cancel", "cli-skipped#1", "--message", "enough")
    unknown = headgate("cancel", "cli-skipped#2")

    assert (skipped.returncode, cancelled.returncode) == (0, 0), (skipped, cancelled)
    assert json.loads(shown.stdout)["id"] == run_id
    assert (unknown.returncode, unknown.stderr) == (2, "headgate: There is no run cli-skipped#2.\n")
    assert get_json(running_headgate, f"/runs/{run_id}")["status"] == "cancelled"
