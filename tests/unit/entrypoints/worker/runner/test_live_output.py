"""What a Python program prints is shown while the stage runs, in whatever way the stage starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh

PROGRAM = """
import pathlib, sys, time
print("begin")
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
print("end")
"""
STARTER = "import subprocess, sys; print('starting', flush=True); subprocess.run([sys.executable, *sys.argv[1:]], check=True)"


@pytest.mark.parametrize(
    "command",
    [
        "{python} {folder}/printer.py {go}",
        "exec {python} {folder}/printer.py {go}",
        '{python} -c "$(cat {folder}/printer.py)" {go}',
        "cd {folder} && {python} -m printer {go}",
        "{python} - {go} < {folder}/printer.py",
        "env {python} {folder}/printer.py {go}",
        "{folder}/executable.py {go}",
        "{python} {folder}/printer.py {go} | cat",
        "{python} {folder}/printer.py {go} >&2",
        "{python} {folder}/starter.py {folder}/printer.py {go}",
    ],
)
async def test_a_print_is_stored_before_the_program_ends(web: ServedHeadgate, tmp_path: Path, command: str) -> None:
    go = tmp_path / "go"
    (tmp_path / "printer.py").write_text(PROGRAM)
    (tmp_path / "starter.py").write_text(STARTER)
    (tmp_path / "executable.py").write_text(f"#!{sys.executable}\n{PROGRAM}")
    (tmp_path / "executable.py").chmod(0o755)
    pipeline = await web.create_pipeline(sh("s", command.format(python=sys.executable, folder=tmp_path, go=go)))

    def has_line(text: str) -> bool:
        return text in [line for _, line in web.get_log(run_id, "s")]

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(lambda: has_line("begin"))
        assert not has_line("end")
        go.touch()
        await web.wait_until_over(run_id)
        await eventually(lambda: has_line("end"))
