"""Deploy a flow to the Prefect of a real Headgate, and run it as a stage, with the commands of the page."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.support.page_blocks import Block
from tests.support.paths import ROOT
from tests.support.running_headgate import Headgate


def test_the_commands_of_the_page_work(running_headgate: Headgate, tmp_path: Path, blocks: list[Block]) -> None:
    deploy, worker, definition, run = blocks
    running_headgate.wait_for_prefect()
    shell = running_headgate.build_shell()
    example = (ROOT / "examples/prefect/daylight.yaml").read_text()

    shell.run(deploy.text)
    with shell.running(worker.text, tmp_path / "worker.log"):
        printed = shell.run(run.text)

    run_id = find_run_id(running_headgate)
    stages = running_headgate.stages(run_id)
    assert re.search(r"^daylight/local +pool batch +day", printed, re.MULTILINE), printed
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(("announce", "compute", "tidy-up"), "completed")
    assert stages["compute"]["output"]["result"] == {"day": "2026-12-21", "longest": "Nairobi", "hours": 12.1}
    assert [artifact["key"] for artifact in stages["compute"]["output"]["artifacts"]] == ["daylight", "longest-day"]
    log = running_headgate.http.get(f"/runs/{run_id}/logs", headers={"Accept": "text/plain"}).text
    assert re.search(r"compute\[1\] stdout +Oslo: 5\.5 hours$", log, re.MULTILINE), log
    assert list_parameters(definition.text) == list_parameters(example)


def find_run_id(headgate: Headgate) -> int:
    (run,) = headgate.http.get("/pipelines/daylight/runs").json()
    return int(run["id"])


def list_parameters(text: str) -> list[object]:
    """Return what a definition runs in Prefect, and with which parameters."""
    return [(stage.get("deployment"), stage.get("parameters"), stage.get("needs")) for stage in yaml.safe_load(text)["stages"]]
