"""A worker runs `python` stages in the environment of a team, which has packages that Headgate's lacks."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest

from domain.runs.status import Reason, Status
from tests.support.local_packages import build_wheel
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.interpreters import choose_interpreters
from tests.unit.entrypoints.worker.running_worker import running_worker

JOB = """
import os, shutil, sys
import sales_tools
def load(region, **others):
    print("region", region)
    return {"records_processed": sales_tools.count(region), "prefix": sys.prefix, "venv": os.environ.get("VIRTUAL_ENV"),
            "python": shutil.which("python"), "home": "PYTHONHOME" in os.environ, "path": os.environ.get("PYTHONPATH")}
def fails(**parameters):
    raise sales_tools.NoSales("nothing sold")
def waits(**parameters):
    import time
    print("waits", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The worker's folder, with the virtual environment of the team and its module."""
    environment = tmp_path / ".venv"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(environment)
    text = "class NoSales(Exception): pass\ndef count(region): return len(region)\n"
    (site,) = (environment / "lib").glob("python*/site-packages")
    (site / "team.pth").write_text(f"{build_wheel(tmp_path, 'sales_tools', text)}\n")
    (tmp_path / "team_jobs.py").write_text(JOB)
    return tmp_path


async def test_the_stages_of_a_pipeline_run_in_its_environment(web: ServedHeadgate, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/worker")
    pipeline = await web.create_pipeline({"name": "load", "callable": "team_jobs:load"}, python=".venv", parameters={})

    async with running_worker(web, folder):
        run = await web.wait_until_over(await web.trigger(pipeline, region="north"))

    attempt = run.stages["load"].attempts[-1]
    assert (run.status, attempt.records_processed) == (Status.COMPLETED, 5)
    assert attempt.output == {
        "records_processed": 5,
        "prefix": str(folder / ".venv"),
        "venv": str(folder / ".venv"),
        "python": str(folder / ".venv" / "bin" / "python"),
        "home": False,
        "path": None,
    }
    assert [text for _, text in web.get_log(run.id, "load")][:2] == ["team_jobs:load (python: .venv)", "region north"]


async def test_a_stage_overrides_the_environment_of_its_pipeline(web: ServedHeadgate, folder: Path) -> None:
    (folder / "which.py").write_text("import sys\ndef run():\n    return {'python': sys.executable}\n")
    named = choose_interpreters()
    stages = [{"name": f"s{index}", "callable": "which:run", "python": python} for index, python in enumerate(named)]

    pipeline = await web.create_pipeline({"name": "team", "callable": "which:run"}, *stages, python=".venv")
    async with running_worker(web, folder):
        run = await web.wait_until_over(await web.trigger(pipeline))

    team, *others = [(stage.attempts[-1].output or {})["python"] for stage in run.stages.values()]
    assert run.status is Status.COMPLETED
    assert team == str(folder / ".venv" / "bin" / "python")
    assert others == list(named)


async def test_an_exception_of_the_teams_package_is_the_reason(web: ServedHeadgate, folder: Path) -> None:
    pipeline = await web.create_pipeline({"name": "load", "callable": "team_jobs:fails"}, python=".venv")

    async with running_worker(web, folder):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.stages["load"].attempts[-1].error_message == "NoSales: nothing sold"
    assert ("stderr", "sales_tools.NoSales: nothing sold") in web.get_log(run.id, "load")


async def test_a_missing_environment_fails_each_attempt_with_what_to_do(web: ServedHeadgate, folder: Path) -> None:
    pipeline = await web.create_pipeline({"name": "load", "callable": "team_jobs:load", "python": "missing", "retries": 1})

    async with running_worker(web, folder):
        run = await web.wait_until_over(await web.trigger(pipeline))

    problem = (
        f"No such interpreter or virtual environment on this worker: {folder}/missing. Create it, or correct `python` in the definition."
    )
    assert [attempt.error_message for attempt in run.stages["load"].attempts] == [problem, problem]
    assert problem in [text for _, text in web.get_log(run.id, "load")]


@pytest.mark.parametrize("end", ["cancel", "timeout"])
async def test_a_function_that_does_not_end_is_ended(web: ServedHeadgate, folder: Path, end: str) -> None:
    limit = {"timeout": 1} if end == "timeout" else {}
    pipeline = await web.create_pipeline({"name": "load", "callable": "team_jobs:waits", "python": ".venv", **limit})

    async with running_worker(web, folder):
        run_id = await web.trigger(pipeline)
        if end == "cancel":
            await eventually(lambda: ("stdout", "waits") in web.get_log(run_id, "load"))
            await web.application.cancel_stage()(run_id, "load")
        run = await web.wait_until_over(run_id)

    attempt = run.stages["load"].attempts[-1]
    expected = (Status.CANCELLED, None) if end == "cancel" else (Status.FAILED, Reason.TIMEOUT)
    assert (attempt.status, attempt.reason if end == "timeout" else None) == expected


async def test_an_interpreter_that_hangs_is_ended_by_the_timeout(web: ServedHeadgate, folder: Path) -> None:
    program = folder / "hangs"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    pipeline = await web.create_pipeline({"name": "load", "callable": "team_jobs:load", "python": "hangs", "timeout": 0.5})

    async with running_worker(web, folder):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.stages["load"].attempts[-1].reason is Reason.TIMEOUT
