"""What a stage prints is in its log as a terminal would have shown it: live, in order, and to the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from application.queries.views.logs import LogFilter
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.runner.test_unfinished_lines import wait_until_shown
from tests.unit.entrypoints.worker.running_worker import running_worker, sh

PYTHON = """
import os, sys, time
print("begin")
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
print("end")
"""

Log = list[tuple[str, str]]


async def run_to_end(web: ServedHeadgate, folder: Path, *stages: dict[str, Any]) -> int:
    pipeline = await web.create_pipeline(*stages)
    async with running_worker(web, folder):
        run = await web.wait_until_over(await web.trigger(pipeline))
    return run.id


@pytest.mark.parametrize("name", ["python", "python-child", "python-in-shell", "callable", "callable-child", "module"])
async def test_the_prints_of_python_programs_are_live(web: ServedHeadgate, tmp_path: Path, name: str) -> None:
    go = tmp_path / "go"
    (tmp_path / "script.py").write_text(PYTHON)
    spawn = f"import subprocess, sys\ndef run():\n    subprocess.run(['python3', 'script.py', {str(go)!r}], check=True)\n"
    (tmp_path / "spawns.py").write_text(spawn + "if __name__ == '__main__':\n    run()\n")
    body = "".join(f"    {line}\n" for line in PYTHON.strip().replace("sys.argv[1]", repr(str(go))).splitlines())
    (tmp_path / "prints.py").write_text(f"def run():\n{body}")
    stage = {
        "python": {"kind": "command", "command": ["python3", "script.py", str(go)]},
        "python-child": {"kind": "command", "command": ["python3", "spawns.py"]},
        "python-in-shell": {"kind": "command", "command": ["sh", "-c", f"python3 script.py {go} | cat"]},
        "callable": {"kind": "python", "callable": "prints:run"},
        "callable-child": {"kind": "python", "callable": "spawns:run"},
        "module": {"kind": "command", "command": ["python3", "-m", "script", str(go)]},
    }[name]
    pipeline = await web.create_pipeline({"name": "s", **stage})

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(lambda: ("stdout", "begin") in web.get_log(run_id, "s"))
        assert ("stdout", "end") not in web.get_log(run_id, "s")
        go.touch()
        await web.wait_until_over(run_id)

    assert web.get_log(run_id, "s")[-1] == ("stdout", "end")


async def test_lines_of_both_streams_are_in_order_and_the_command_comes_first(web: ServedHeadgate, tmp_path: Path) -> None:
    run_id = await run_to_end(web, tmp_path, sh("s", "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"))

    lines = await web.fakes.reader.log_window(run_id, LogFilter("s"), limit=100)
    assert [line.text for line in lines[1:]] == [f"{name}{number}" for number in range(1, 6) for name in ("out", "err")]
    assert not any(line.is_order_approximate for line in lines)
    assert lines[0].stream == "headgate"
    assert lines[0].text.startswith("$ ")
    assert [line.at for line in lines] == sorted(line.at for line in lines)


async def test_the_command_is_one_line_before_the_output(web: ServedHeadgate, tmp_path: Path) -> None:
    script = "\necho one\n  echo two\n" + "# a comment\n" * 1_000
    run_id = await run_to_end(web, tmp_path, {"name": "s", "kind": "command", "command": ["sh", "-c", script]})

    (stream, command), *output = web.get_log(run_id, "s")
    assert (stream, output) == ("headgate", [("stdout", "one"), ("stdout", "two")])
    assert command.startswith("$ sh -c ⏎ echo one ⏎ echo two ⏎ # a comment")
    assert len(command) < 2_100


async def test_lines_whose_order_is_not_certain_are_marked_in_the_log(web: ServedHeadgate, tmp_path: Path) -> None:
    script = "import os\nfor i in range(200):\n  os.write(1, b'a\\nb\\n')\n  os.write(2, b'c\\n')\n  os.write(1, b'd\\n')"
    run_id = await run_to_end(web, tmp_path, {"name": "s", "kind": "command", "command": ["python3", "-c", script]})

    lines = await web.fakes.reader.log_window(run_id, LogFilter("s"), limit=1_000)
    assert len(lines) == 801
    assert {line.stream for line in lines if line.is_order_approximate} == {"stdout", "stderr"}


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (r"\r1 of 6\r6 of 6\n", ["6 of 6"]),
        (r"\033[2K\033[1G50%%\033[2K\033[1G100%%\n", ["100%"]),
        (r"outer 1\ninner 1\033[A\router 2\n\rinner 2\n", ["outer 1", "outer 2", "inner 2"]),
        (r"\033[31m10%%\r20%%\033[0m\n", ["\x1b[31m20%\x1b[0m"]),
        (r"\033]8;;https://example.com\033\\link\033]8;;\033\\\a\n", ["link"]),
        (r"中文 1\r中文 2\n", ["中文 2"]),
    ],
)
async def test_lines_are_stored_as_a_terminal_shows_them(web: ServedHeadgate, tmp_path: Path, printed: str, shown: list[str]) -> None:
    run_id = await run_to_end(web, tmp_path, sh("s", f"printf '{printed}'"))

    assert web.get_log(run_id, "s")[1:] == [("stdout", text) for text in shown]


async def test_lines_that_a_program_changes_are_live(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = rf"printf 'a 0\nb 0\n'; printf '\033[2Aa 1\nb 1\n'; until [ -e {go} ]; do sleep 0.02; done; printf '\033[2Aa 2\nb 2\n'"
    pipeline = await web.create_pipeline(sh("s", script))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await wait_until_shown(web, run_id, [("stdout", "a 1"), ("stdout", "b 1")])
        go.touch()
        await web.wait_until_over(run_id)

    assert web.get_log(run_id, "s")[1:] == [("stdout", text) for text in ("a 0", "b 0", "a 2", "b 2")]


async def test_the_error_message_has_no_colours(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("s", r"printf '\033[31merror\033[0m 42: no such day\n' >&2; exit 3"))

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.stages["s"].attempts[-1].error_message == "Exited with code 3. error 42: no such day"
