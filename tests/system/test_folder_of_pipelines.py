"""Keep pipelines in a folder with the commands of the page, on a real Headgate."""

from __future__ import annotations

from pathlib import Path

from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment
from tests.support.running_headgate import Headgate


def test_the_commands_of_the_page_work(running_headgate: Headgate, tmp_path: Path, blocks: list[Block]) -> None:
    made, changed, pruned, listed = blocks
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url})

    assert "2 created" in shell.run(made.text)
    plan = shell.run(changed.text)
    gone = shell.run(pruned.text)
    files = shell.run(listed.text.replace("http://127.0.0.1:8000", running_headgate.url))

    assert "etl: would become revision 2" in plan and "exit code 2" in plan and "etl: revision 2" in plan
    assert "daily: archived, no longer in pipelines (daily.yaml)" in gone
    assert '"file":"etl.yaml","applied_revision":2' in files.replace(" ", "")
    assert running_headgate.http.get("/pipelines/daily").json()["archived_at"] is not None
