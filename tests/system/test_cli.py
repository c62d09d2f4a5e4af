"""Commands as processes of their own against a running Headgate."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forked_commands import build_forked_argv
from tests.support.headgate_command import build_environment
from tests.support.running_headgate import Headgate

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]

FAILING_PIPELINE = """
name: cli-broken
parameters: {type: object, properties: {lines: {type: integer, minimum: 1}}}
stages:
  - {name: fine, command: [echo, fine]}
  - name: breaks
    command: [sh, -c, 'for n in $(seq "$HEADGATE_PARAM_LINES"); do echo "line $n"; done; exit 3']
"""


@pytest.fixture
def headgate(running_headgate: Headgate, tmp_path: Path) -> RunCommand:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
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


def test_a_definition_is_created_then_unchanged_then_changed(headgate: RunCommand, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("name: cli-apply\nstages: [{name: a, command: ['true']}]")

    results = [headgate("apply", "p.yaml")]
    results.append(headgate("apply", "p.yaml"))
    file.write_text("name: cli-apply\nstages: [{name: a, command: ['true'], retries: 2}, {name: b, kind: external}]")
    results.append(headgate("apply", "p.yaml"))

    assert [result.returncode for result in results] == [0, 0, 0], results
    assert results[0].stdout == "cli-apply: created, 1 stage  (p.yaml)\n"
    assert results[1].stdout == "cli-apply: unchanged, revision 1  (p.yaml)\n"
    lines = [line.strip() for line in results[2].stdout.splitlines()]
    assert lines == ["cli-apply: revision 2  (p.yaml)", "added stage b", "changed stage a (retries 0 → 2)"]


def test_a_refused_definition_names_its_fields(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("name: cli-refused\nstages: [{name: a, command: ['true'], timeout: -1, needs: [ghost]}]")

    result = headgate("apply", "p.yaml")

    assert result.returncode == 1
    assert [line.split(": ")[1:3] for line in result.stderr.splitlines()] == [
        ["line 2", "stages[0].timeout"],
        ["line 2", "stages[0].needs"],
    ]


def test_a_watched_run_shows_its_stages_and_the_log_of_the_failed_one(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(FAILING_PIPELINE)
    assert headgate("apply", "p.yaml").returncode == 0

    result = headgate("trigger", "cli-broken", "--param", "lines=1500", "--watch")

    assert result.returncode == 1, result
    moves = [line.split("  ")[1:3] for line in result.stdout.splitlines()]
    for move in (["fine", "queued"], ["fine", "running"], ["fine", "completed"], ["breaks", "running"], ["breaks", "failed"]):
        assert moves.count(move) == 1, result.stdout
    tail = [line.strip() for line in result.stdout.split("--- the end of breaks's log\n")[1].splitlines()[:20]]
    assert tail[:19] == [f"line {n}" for n in range(1_482, 1_501)]
    assert "3" in tail[19], "Headgate adds the last line: how the process ended"
    assert result.stdout.splitlines()[-1].startswith("cli-broken#1 failed")


def test_a_followed_log_ends_with_the_run_and_has_the_stage_of_each_line(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(FAILING_PIPELINE.replace("cli-broken", "cli-followed"))
    assert headgate("apply", "p.yaml").returncode == 0
    assert headgate("trigger", "cli-followed", "--param", "lines=20").returncode == 0

    followed = headgate("logs", "cli-followed#1", "--follow")
    tail = headgate("logs", "cli-followed#1", "breaks", "--search", "line", "--tail", "2")

    assert followed.returncode == 1 and followed.stderr == "cli-followed#1 failed\n", followed
    lines = [line for line in followed.stdout.splitlines() if line.startswith(("fine   | fine", "breaks | line"))]
    assert lines == ["fine   | fine", *(f"breaks | line {number}" for number in range(1, 21))]
    assert (tail.returncode, tail.stdout.splitlines()) == (0, ["line 19", "line 20"])


def test_the_events_of_a_completed_run_have_no_gap(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("name: cli-events\nstages: [{name: a, command: ['true']}, {name: b, command: ['true']}]")
    headgate("apply", "p.yaml")

    result = headgate("trigger", "cli-events", "--watch", "--json")

    assert result.returncode == 0, result
    _, *events, run = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (run["status"], [stage["status"] for stage in run["stages"]]) == ("completed", ["completed", "completed"])


def test_invalid_parameters_are_named_with_exit_code_2(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(FAILING_PIPELINE.replace("cli-broken", "cli-parameters"))
    headgate("apply", "p.yaml")

    result = headgate("trigger", "cli-parameters", "--param", "lines=none")

    assert result.returncode == 2
    assert "parameters.lines" in result.stderr


def test_status_shows_the_board_a_pipeline_and_a_run(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("name: cli-status\nstages: [{name: outside, kind: external}]")
    headgate("apply", "p.yaml")
    run_id = json.loads(headgate("trigger", "cli-status", "--json").stdout)["run_id"]

    board, pipeline, run = headgate("status"), headgate("status", "cli-status"), headgate("status", run_id)

    (row,) = [line for line in board.stdout.splitlines() if line.startswith("cli-status ")]
    assert "waiting" in row
    assert "Waiting for a report about outside" in row
    assert pipeline.stdout.startswith("cli-status  revision 1")
    assert run.stdout.splitlines()[1].split()[:2] == ["outside", "waiting"]
