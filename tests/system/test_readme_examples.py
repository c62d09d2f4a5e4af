"""The examples of README and docs run against a real Headgate, in order, and their answers are compared."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_packages import build_wheel
from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment, replace_each
from tests.support.running_headgate import Headgate

ADDRESS = "http://127.0.0.1:8000"
# What differs from one machine or order of events to another; that it is there, and its type, is still compared.
VARIES = frozenset({"id", "run_id", "pipeline_id", "number", "seq"})


@pytest.fixture
def shell(running_headgate: Headgate, tmp_path: Path) -> Shell:
    """A terminal in an empty folder. The pipelines that pages define under the same names are deleted, so that each test has its own."""
    for name in ("sales", "reports"):
        running_headgate.http.post(f"/pipelines/{name}/archive")
        running_headgate.http.delete(f"/pipelines/{name}", params={"confirm": name})
    return Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url})


def test_every_example_answers_as_its_page_says(running_headgate: Headgate, shell: Shell, blocks: list[Block]) -> None:
    assert len(blocks) == 10
    run_id = 1

    for block in blocks:
        here = block.text.replace(ADDRESS, running_headgate.url).replace("/runs/1/", f"/runs/{run_id}/")
        printed = _run(block.language, here, shell)

        if "/trigger/" in here and block.language == "sh":
            run_id = json.loads(printed)["run_id"]
        if block.answer is None:
            for line in printed.splitlines():
                assert "urn:headgate:problem" not in line, (here, line)
        elif block.language == "python":
            assert re.sub(r"#\d+", "#", printed) == re.sub(r"#\d+", "#", block.answer)
        else:
            _compare(_expected(block.answer), json.loads(printed), here)


def test_the_tutorial_works_from_an_empty_folder(running_headgate: Headgate, shell: Shell, blocks: list[Block]) -> None:
    start, definition, *steps = blocks
    ready = {"/tmp/headgate-tutorial-ready": str(shell.folder / "ready")}
    (shell.folder / "reports.yaml").write_text(replace_each(definition.text, ready))
    script = replace_each("".join(step.text for step in steps), {ADDRESS: running_headgate.url, **ready})

    printed = shell.run(script)

    assert start.text in str(running_headgate.command)
    assert "urn:headgate:problem" not in printed
    scheduled, run = running_headgate.http.get("/pipelines/tutorial-reports/runs").json()
    (schedule,) = running_headgate.http.get("/pipelines/tutorial-reports/schedules").json()
    backup = running_headgate.http.get("/pipelines/tutorial-backup/runs").json()[0]
    assert (run["status"], backup["status"], backup["records_processed"]) == ("completed", "completed", 412)
    assert (scheduled["number"], scheduled["parameters"], schedule["paused"]) == (2, {"region": "north"}, True)


def test_the_pipeline_of_the_how_to_page_completes(running_headgate: Headgate, shell: Shell, blocks: list[Block]) -> None:
    definition, commands = blocks
    (shell.folder / "reports.yaml").write_text(definition.text)

    shell.run(commands.text)

    (run,) = running_headgate.http.get("/pipelines/reports/runs").json()
    assert (run["status"], run["parameters"]) == ("completed", {"region": "south"})


def test_the_environment_of_the_how_to_page_has_the_packages_of_the_team(
    running_headgate: Headgate, shell: Shell, blocks: list[Block]
) -> None:
    install, definition, commands = blocks
    sales = shell.folder / "sales"
    sales.mkdir()
    wheel = build_wheel(sales, "sales_tools", "def count(): return 4711\n")
    (sales / "requirements.txt").write_text(f"{wheel}\n")
    (sales / "figures.py").write_text("import sales_tools\ndef load(): return {'records_processed': sales_tools.count()}\n")
    (shell.folder / "figures.yaml").write_text(replace_each(definition.text, {"/srv/sales": str(sales)}))

    Shell(shell.folder, shell.environment | {"PIP_NO_INDEX": "1"}).run(replace_each(install.text, {"/srv/sales": str(sales)}))
    shell.run(commands.text)

    (run,) = running_headgate.http.get("/pipelines/figures/runs").json()
    stored = running_headgate.http.get("/pipelines/figures").json()
    assert (run["status"], run["records_processed"]) == ("completed", 4711)
    assert (stored["python"], stored["stages"][0]["python"]) == (str(sales / ".venv"), None)


def test_the_schedules_of_the_how_to_page_are_stored(running_headgate: Headgate, shell: Shell, blocks: list[Block]) -> None:
    sales, shown, why, paused, dump, applied = blocks
    (shell.folder / "sales.yaml").write_text(sales.text)
    (shell.folder / "dump.yaml").write_text(dump.text)

    printed = shell.run(shown.text)
    explained = shell.run(why.text)
    shell.run(paused.text + applied.text)

    nightly, refresh = running_headgate.http.get("/pipelines/sales/schedules").json()
    (expectation,) = running_headgate.http.get("/pipelines/dump/expectations").json()
    assert printed.count(" UTC") >= 3
    assert (nightly["words"], refresh["words"]) == ("At 02:30 every day, Europe/Berlin", "Every 6 hours")
    assert nightly["next_at"] is not None
    assert "did not exist yet" in explained or "was added at" in explained  # in Berlin, the next day may have begun
    assert "02:30 not due: 25 December is in `skip` of nightly" in explained
    assert (expectation["state"], expectation["words"]) == ("on_time", "At 03:00 every day, Europe/Berlin")


def test_the_limits_of_the_how_to_page_hold(running_headgate: Headgate, shell: Shell, blocks: list[Block]) -> None:
    sales, reports, shown, changed, over_limit = blocks
    (shell.folder / "sales.yaml").write_text(replace_each(sales.text, {'"1"': '"60"'}))
    (shell.folder / "reports.yaml").write_text(reports.text)

    printed = shell.run(shown.text)
    changed_limits = shell.run(replace_each(changed.text, {ADDRESS: running_headgate.url}))

    assert "warehouse" in printed and "of 4 in use" in printed
    assert "of 6 in use" in changed_limits and '"limit":4' in changed_limits.replace(" ", "")
    group = running_headgate.http.get("/groups/warehouse").json()
    assert [(use["pipeline"], use["by_run"], use["stages"]) for use in group["pipelines"]] == [("reports", False, 1), ("sales", True, 0)]
    first, second = sorted(running_headgate.http.get("/pipelines/sales/runs").json(), key=lambda run: run["number"])
    assert (first["priority"], second["priority"], second["reason"]) == (0, 5, "limit")

    shell.run(replace_each(over_limit.text, {" 12\n": f" {second['id']}\n"}))

    runs = running_headgate.http.get("/pipelines/sales/runs").json()
    assert [(run["over_limit"], run["reason"]) for run in runs] == [(True, None), (True, None), (False, None)]
    for run in runs:
        running_headgate.http.post(f"/runs/{run['id']}/cancel")


def test_make_starts_headgate_and_the_tests(running_headgate: Headgate, blocks: list[Block]) -> None:
    (block,) = blocks
    start, test = [line.partition("#")[0].strip() for line in block.text.splitlines()]

    recipe = running_headgate.build_shell().run(replace_each(test, {"make": "make --dry-run"}))

    assert str(running_headgate.command).endswith(f"{start}\n")
    assert "-m pytest" in recipe


def _run(language: str, source: str, shell: Shell) -> str:
    if language == "sh":
        return shell.run(source.replace("curl -s ", "curl -s -w '\\n' "))
    (shell.folder / "example.py").write_text(source)
    return shell.run(f"{sys.executable} example.py")


def _expected(answer: str) -> Any:
    return json.loads(answer.replace("…", '"…": null'))


def _compare(expected: Any, actual: Any, where: str) -> None:
    """Equal, but for what varies; an object with `…` may hold more than it shows."""
    if isinstance(expected, dict):
        shown = set(expected) - {"…"}
        assert shown <= set(actual) if "…" in expected else shown == set(actual), (where, expected, actual)
        for key in shown:
            if key in VARIES:
                assert type(actual[key]) is type(expected[key]), (where, key)
            else:
                _compare(expected[key], actual[key], f"{where} {key}")
    elif isinstance(expected, list):
        assert len(expected) == len(actual), where
        for one, other in zip(expected, actual, strict=True):
            _compare(one, other, where)
    elif isinstance(expected, str) and expected.startswith("/"):
        assert re.sub(r"\d+", "n", actual) == re.sub(r"\d+", "n", expected), where
    else:
        assert actual == expected, where


@pytest.mark.parametrize(
    ("expected", "actual"),
    [({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "…": None}, {"a": 2}), ({"id": 1}, {"id": "1"}), ([1], [1, 2]), ("/runs/1", "/run/1")],
)
def test_the_comparison_would_notice(expected: Any, actual: Any) -> None:
    with pytest.raises(AssertionError):
        _compare(expected, actual, "")
