"""The variables, directory and files that a stage gets."""

from __future__ import annotations

import json
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from entrypoints.worker.runner.ports import StageEnvironmentError, StageStart
from entrypoints.worker.runner.stage_environment import (
    VALUE_LIMIT,
    StageEnvironment,
    StageSettings,
    build_job,
    build_stage_environment,
)
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish, texts

SECRETS = {
    "HEADGATE_DATABASE_URL": "postgresql://secret",
    "HEADGATE_WORKER_TOKEN": "secret",
    "PREFECT_API_KEY": "secret",
    "DD_API_KEY": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def build_start(kind: str = "command", spec: dict[str, Any] | None = None, **more: Any) -> StageStart:
    defaults: dict[str, Any] = {
        "run_id": 7,
        "stage": "extract",
        "attempt": 2,
        "parameters": {},
        "token": "t0k",
        "url": "http://127.0.0.1:1",
    }
    return StageStart(kind=kind, spec=spec or {"command": ["true"]}, **(defaults | more))


def build(tmp_path: Path, start: StageStart, **environment: str) -> StageEnvironment:
    (tmp_path / "base").mkdir(exist_ok=True)
    return build_stage_environment(start, StageSettings(tmp_path / "base", tmp_path / "runs", environment))


def test_a_stage_gets_the_documented_variables_and_no_others(tmp_path: Path) -> None:
    start = build_start(parameters={"month": 7}, trace={"traceparent": "00-a-b-01", "tracestate": "dd=s:1", "DD_API_KEY": "secret"})

    stage = build(tmp_path, start, PATH="/bin", HOME="/home/u", LANG="de_DE.UTF-8", TZ="Europe/Berlin", **SECRETS)

    assert stage.env == {
        "PATH": "/bin",
        "HOME": "/home/u",
        "LANG": "de_DE.UTF-8",
        "TZ": "Europe/Berlin",
        "SHELL": pwd.getpwuid(os.geteuid()).pw_shell,
        "USER": pwd.getpwuid(os.geteuid()).pw_name,
        "LOGNAME": pwd.getpwuid(os.geteuid()).pw_name,
        "PYTHONUNBUFFERED": "1",
        "HEADGATE_URL": "http://127.0.0.1:1",
        "HEADGATE_RUN_ID": "7",
        "HEADGATE_STAGE": "extract",
        "HEADGATE_ATTEMPT": "2",
        "HEADGATE_TOKEN": "t0k",
        "HEADGATE_RUN_DIR": str(stage.run_dir),
        "HEADGATE_PARAMETERS_FILE": str(stage.parameters_file),
        "HEADGATE_PARAM_MONTH": "7",
        "TRACEPARENT": "00-a-b-01",
        "TRACESTATE": "dd=s:1",
    }


def test_a_stage_of_a_scheduled_run_gets_the_time_of_its_tick(tmp_path: Path) -> None:
    env = build(tmp_path, build_start(scheduled_for="2026-03-02T10:00:00Z", spec={"env": {"HEADGATE_SCHEDULED_FOR": "forged"}})).env

    assert env["HEADGATE_SCHEDULED_FOR"] == "2026-03-02T10:00:00Z"


def test_env_overrides_inherited_variables_but_not_headgates_own(tmp_path: Path) -> None:
    start = build_start(spec={"command": ["true"], "env": {"PATH": "/opt/bin", "TARGET": "s3", "N": 1, "HEADGATE_TOKEN": "forged"}})

    env = build(tmp_path, start, PATH="/bin").env

    assert (env["PATH"], env["TARGET"], env["N"], env["HEADGATE_TOKEN"]) == ("/opt/bin", "s3", "1", "t0k")


def test_env_of_the_stage_overrides_that_of_the_worker(tmp_path: Path) -> None:
    start = build_start(spec={"command": ["true"], "env": {"B": "stage", "PYTHONUNBUFFERED": "", "LANG": "C"}})
    settings = StageSettings(
        tmp_path,
        tmp_path / "runs",
        {"PATH": "/bin", "TZ": "UTC"},
        stage_env={"A": "worker", "B": "worker", "PATH": "/opt/bin", "USER": "etl"},
    )

    env = build_stage_environment(start, settings).env

    assert (env["A"], env["B"], env["PATH"], env["USER"], env["TZ"]) == ("worker", "stage", "/opt/bin", "etl", "UTC")
    assert (env["PYTHONUNBUFFERED"], env["LANG"]) == ("", "C")


def test_parameters_become_variables_and_a_private_file(tmp_path: Path) -> None:
    parameters = {"a-b": "x y", "flag": True, "list": [1, "é"], "none": None, "été": 1.5, "a_b": "second", "big": "x" * (VALUE_LIMIT + 1)}

    stage = build(tmp_path, build_start(parameters=parameters))

    named = {name: value for name, value in stage.env.items() if name.startswith("HEADGATE_PARAM_")}
    assert named == {
        "HEADGATE_PARAM_A_B": "x y",
        "HEADGATE_PARAM_FLAG": "true",
        "HEADGATE_PARAM_LIST": '[1, "\\u00e9"]',
        "HEADGATE_PARAM_NONE": "",
        "HEADGATE_PARAM__T_": "1.5",
    }
    assert json.loads(stage.parameters_file.read_text()) == parameters
    assert stat.S_IMODE(stage.parameters_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(stage.run_dir.stat().st_mode) == 0o700


def test_stages_of_a_run_share_a_directory_but_not_the_parameters_file(tmp_path: Path) -> None:
    first, second = build(tmp_path, build_start()), build(tmp_path, build_start(stage="../load", attempt=1))

    assert first.run_dir == second.run_dir
    assert first.parameters_file != second.parameters_file
    assert second.parameters_file.parent == first.parameters_file.parent


def test_a_relative_workdir_stays_below_the_workers_directory(tmp_path: Path) -> None:
    inside = build(tmp_path, build_start(spec={"workdir": "jobs/../x"}))
    absolute = build(tmp_path, build_start(spec={"workdir": "/usr"}))

    assert inside.cwd == (tmp_path / "base" / "x").resolve()
    assert absolute.cwd == Path("/usr")
    with pytest.raises(StageEnvironmentError, match="is outside"):
        build(tmp_path, build_start(spec={"workdir": "../other"}))


def test_a_kind_without_a_process_is_rejected(tmp_path: Path) -> None:
    start = build_start(kind="external")

    with pytest.raises(StageEnvironmentError, match="external"):
        build_job(start, build(tmp_path, start))


async def test_hostile_parameters_arrive_unchanged_and_execute_nothing(stages: StageRunner, tmp_path: Path) -> None:
    hostile = "'; touch pwned; $(touch pwned) `touch pwned` \"\n* \\"
    shell = 'printf "%s|" "$HEADGATE_PARAM_X"; cat "$HEADGATE_PARAMETERS_FILE"'
    start = build_start(spec={"command": shell, "shell": True}, parameters={"x": hostile, "n": "a\0b\ud800"})
    stage = build(tmp_path, start, PATH="/usr/bin:/bin")

    lines, end = await finish(await stages.host.run(build_job(start, stage)))

    variable, _, file = "\n".join(texts(lines)).partition("|")
    assert end.succeeded
    assert variable == hostile
    assert json.loads(file) == {"x": hostile, "n": "a\0b\ud800"}
    assert stage.env["HEADGATE_PARAM_N"] == "a\ufffdb?"
    assert not list(tmp_path.rglob("pwned"))
