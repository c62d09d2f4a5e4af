"""Pause, archive and delete a pipeline with commands, on a real Headgate."""

from __future__ import annotations

from pathlib import Path

from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment
from tests.support.running_headgate import Headgate


def test_the_commands_of_the_page_work(running_headgate: Headgate, tmp_path: Path, blocks: list[Block]) -> None:
    (commands,) = blocks
    running_headgate.create("old-report", [{"name": "a", "command": ["true"]}])
    run_id = running_headgate.trigger("old-report")
    running_headgate.wait_until(lambda: running_headgate.http.get(f"/runs/{run_id}").json()["status"] == "completed", 60)
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url})

    printed = shell.run(commands.text.replace("http://127.0.0.1:8000", running_headgate.url))

    assert "urn:headgate:problem" not in printed
    assert "old-report: paused until 2030-01-02 08:00" in printed
    assert printed.rstrip().endswith("old-report: deleted")
    assert running_headgate.http.get("/pipelines/old-report").status_code == 404
    running_headgate.create("old-report", [{"name": "a", "command": ["true"]}])
