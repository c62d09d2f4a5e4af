"""Run the stages of `retries` as Headgate does: from the root, with parameters and attempt in the environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.examples.test_definitions import ROOT, by_name

STAGES = {stage["name"]: stage for stage in by_name("retries")["stages"]}
DEFAULTS = {name: schema["default"] for name, schema in by_name("retries")["parameters"]["properties"].items()}


def start(name: str, run_dir: Path, attempt: int = 1, **parameters: object) -> subprocess.CompletedProcess[str]:
    stage = STAGES[name]
    parameters_in_environment = {f"HEADGATE_PARAM_{key.upper()}": str(value) for key, value in (DEFAULTS | parameters).items()}
    environment = {"PATH": os.environ["PATH"], "HEADGATE_RUN_DIR": str(run_dir), "HEADGATE_ATTEMPT": str(attempt)}
    argv = ["sh", "-c", stage["command"]] if stage.get("shell") else stage["command"]
    return subprocess.run(
        argv,
        env=environment | stage.get("env", {}) | parameters_in_environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_the_download_fails_once_and_succeeds_within_its_retries(tmp_path: Path) -> None:
    first, second = start("download", tmp_path, attempt=1), start("download", tmp_path, attempt=2)

    assert (first.returncode, second.returncode) == (1, 0)
    assert "closed the connection" in first.stderr
    assert STAGES["download"]["retries"] >= 1
    assert (tmp_path / "stations.txt").read_text().split() == ["EWR", "JFK", "LGA"]


def test_the_download_fails_if_it_needs_four_tries(tmp_path: Path) -> None:
    tries = STAGES["download"]["retries"] + 1

    outcomes = [start("download", tmp_path, attempt=attempt, tries=4).returncode for attempt in range(1, tries + 1)]

    assert outcomes == [1] * tries


def test_the_check_rejects_an_invalid_station(tmp_path: Path) -> None:
    start("download", tmp_path, attempt=2)
    good = start("check", tmp_path)
    (tmp_path / "stations.txt").write_text("EWR\nnowhere\n")

    bad = start("check", tmp_path)

    assert good.returncode == 0
    assert bad.returncode != 0


def test_statistics_fail_and_are_allowed_to() -> None:
    assert start("statistics", Path()).returncode == 3
    assert STAGES["statistics"]["allow_failure"] is True


@pytest.mark.parametrize(("asked", "code"), [("works", 0), ("fails", 1)])
def test_publishing_follows_the_parameter(tmp_path: Path, asked: str, code: int) -> None:
    start("download", tmp_path, attempt=2)

    outcome = start("publish", tmp_path, publish=asked)

    assert outcome.returncode == code
    assert "the notice board" in (outcome.stderr if code else outcome.stdout)


def test_clean_up_succeeds_with_and_without_files(tmp_path: Path) -> None:
    start("download", tmp_path, attempt=2)

    assert [start("clean-up", tmp_path).returncode for _ in range(2)] == [0, 0]
    assert not (tmp_path / "stations.txt").exists()
