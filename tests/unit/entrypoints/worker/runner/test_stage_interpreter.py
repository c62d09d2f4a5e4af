"""The interpreter that a stage names is found on the worker, and its virtual environment is active in the stage."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from entrypoints.worker.runner.ports import StageEnvironmentError
from entrypoints.worker.runner.stage_environment import StageEnvironment, StageSettings, build_job, build_stage_environment
from tests.unit.entrypoints.worker.runner.test_stage_environment import build_start


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder / ".venv")
    return folder


def build(base: Path, python: str | None, environment: dict[str, str] | None = None, **spec: object) -> StageEnvironment:
    start = build_start("python", {"callable": "m:f", "python": python, **spec})
    return build_stage_environment(start, StageSettings(base, base.parent / "runs", environment or {"PATH": "/usr/bin:/bin"}))


def explain(base: Path, python: str, path: str = "/usr/bin") -> str:
    with pytest.raises(StageEnvironmentError) as error:
        build(base, python, {"PATH": path})
    return str(error.value)


@pytest.mark.parametrize("named", [".venv", ".venv/", ".venv/bin/python", "./jobs/../.venv"])
def test_a_virtual_environment_is_active_in_the_stage(base: Path, named: str) -> None:
    stage = build(base, named)

    assert stage.python == str(base / ".venv" / "bin" / "python")
    assert stage.env["VIRTUAL_ENV"] == str(base / ".venv")
    assert stage.env["PATH"] == f"{base / '.venv' / 'bin'}:/usr/bin:/bin"


def test_the_job_names_the_interpreter(base: Path) -> None:
    start = build_start("python", {"callable": "m:f", "python": str(base / ".venv")})

    job = build_job(start, build_stage_environment(start, StageSettings(base, base / "runs", {})))

    assert job.message()["python"] == str(base / ".venv" / "bin" / "python")


def test_without_a_name_it_is_the_workers_own_and_nothing_is_active(base: Path) -> None:
    stage = build(base, None)

    assert (stage.python, stage.env["PATH"], "VIRTUAL_ENV" in stage.env) == ("", "/usr/bin:/bin", False)


def test_the_variables_of_the_definition_come_after_those_of_the_environment(base: Path) -> None:
    stage = build(base, ".venv", env={"PATH": "/opt/tools", "PYTHONHOME": "/usr", "PYTHONPATH": "lib"})

    assert stage.env["PATH"] == f"{base / '.venv' / 'bin'}:/opt/tools"
    assert stage.env["PYTHONPATH"] == "lib"
    assert "PYTHONHOME" not in stage.env


def test_nothing_of_the_workers_own_python_reaches_the_stage(base: Path) -> None:
    own = {"PATH": "/usr/bin", "PYTHONPATH": "/worker", "PYTHONHOME": "/worker", "VIRTUAL_ENV": "/worker", "PYTHONSTARTUP": "/worker"}

    stage = build(base, ".venv", own)

    assert [name for name, value in stage.env.items() if value == "/worker"] == []


def test_an_interpreter_outside_an_environment_changes_no_variable(base: Path) -> None:
    program = base / "python3"
    program.symlink_to(os.path.realpath(sys.executable))

    stage = build(base, "python3")

    assert (stage.python, stage.env["PATH"], "VIRTUAL_ENV" in stage.env) == (str(program), "/usr/bin:/bin", False)


@pytest.mark.parametrize("place", ["bin/python3", "Scripts/python.exe"])
def test_an_environment_without_the_file_of_venv_is_first_in_path(base: Path, place: str) -> None:
    program = base / "other" / place
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)

    stage = build(base, "other")

    assert (stage.python, stage.env["PATH"], "VIRTUAL_ENV" in stage.env) == (str(program), f"{program.parent}:/usr/bin:/bin", False)


def test_a_link_to_an_environment_is_followed_at_each_start(base: Path) -> None:
    (base / "current").symlink_to(base / ".venv")

    assert build(base, "current").python == str(base / "current" / "bin" / "python")


def test_the_relative_path_does_not_depend_on_the_folder_of_the_stage(base: Path) -> None:
    (base / "jobs").mkdir()

    assert build(base, ".venv", workdir="jobs").python == str(base / ".venv" / "bin" / "python")


def test_parameters_and_variables_are_not_inserted(base: Path) -> None:
    assert explain(base, "$HOME/venv") == (
        f"No such interpreter or virtual environment on this worker: {base}/$HOME/venv. Create it, or correct `python` in the definition."
    )


def test_a_missing_interpreter_that_is_in_path_is_named(base: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.9").symlink_to(sys.executable)

    assert explain(base, "python3.9", str(tmp_path / "bin")) == (
        f"No such interpreter or virtual environment: {base}/python3.9. The python3.9 in PATH is {tmp_path}/bin/python3.9: write that path."
    )


def test_a_folder_without_an_interpreter_is_explained(base: Path) -> None:
    (base / "empty").mkdir()

    assert explain(base, "empty") == (
        f"The folder {base}/empty is no virtual environment: it has no bin/python. Create one with python -m venv {base}/empty."
    )


def test_an_environment_whose_python_was_removed_is_explained(base: Path) -> None:
    program = base / "broken" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to("/removed/python3.9")

    assert explain(base, "broken") == (
        f"The virtual environment {base}/broken is broken, since /removed/python3.9 does not exist: create it again."
    )


def test_a_file_that_is_not_executable_is_explained(base: Path) -> None:
    (base / "script.py").write_text("")

    assert explain(base, "script.py") == (
        f"The interpreter {base}/script.py is not executable for the worker's user: change its permissions."
    )


def test_a_relative_path_that_leaves_the_folder_is_refused(base: Path) -> None:
    assert explain(base, "../venv") == f"The interpreter '../venv' is outside {base}: use an absolute path if that is intended."
