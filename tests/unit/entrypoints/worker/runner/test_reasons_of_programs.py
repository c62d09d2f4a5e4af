"""The reason of a failure, read from the output of real programs, and the order of their lines."""

from __future__ import annotations

import asyncio

import pytest

from domain.output.failure_reason import FailureReason
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish

CLEAN_UP = "echo 'ERROR: table missing' >&2; rm -f /tmp/none; exit 3"
RAISE = "raise ValueError('bad month')"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["bash", "-xc", CLEAN_UP], "ERROR: table missing"),
        (["bash", "-c", f"set -x; (true; {CLEAN_UP})"], "ERROR: table missing"),
        (["bash", "-c", f"PS4='+(${{BASH_SOURCE}}:${{LINENO}}): '; set -x; {CLEAN_UP}"], "ERROR: table missing"),
        (["bash", "-c", f"PS4='$LINENO> '; set -x\n{CLEAN_UP}"], "ERROR: table missing"),
        (["bash", "-c", f"PS4='trace: '; set -x\n: $(true)\n{CLEAN_UP}"], "ERROR: table missing"),
        (["bash", "-c", f"PS4='[\\t] '; set -x\n{CLEAN_UP}"], "ERROR: table missing"),
        (["sh", "-xc", CLEAN_UP], "ERROR: table missing"),
        (["bash", "-xec", "echo 'no such day'; false"], "no such day"),
        (["python3", "-c", RAISE], "ValueError: bad month"),
        (["bash", "-xc", f'python3 -c "{RAISE}" || exit 4'], "ValueError: bad month"),
        (["sh", "-c", "printf '\\033[31mfatal: no space\\033[0m\\n\\033[0m\\n' >&2; exit 1"], "fatal: no space"),
        (["sh", "-c", "echo 'no such table'; printf 'Password: ' >&2; exit 1"], "no such table"),
        (["bash", "-c", "printf 'loading  10%%\\rloading 100%%\\n' >&2; echo 'disk full' >&2; printf '\\r\\n' >&2; exit 1"], "disk full"),
    ],
)
async def test_the_reason_is_the_last_meaningful_line(stages: StageRunner, command: list[str], reason: str) -> None:
    lines, end = await finish(await stages.start(*command))

    found = FailureReason()
    for line in lines:
        found.add(line.stream, line.text)
    assert not end.succeeded
    assert found.text == reason


WAIT = "until [ -e $name ]; do sleep 0.01; done"


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", f"for i in 1 2 3; do name=out$i; echo $name; {WAIT}; name=err$i; echo $name >&2; {WAIT}; done"],
        ["bash", "-c", f"for i in 1 2 3; do name=out$i; echo $name; {WAIT}; name=err$i; echo $name > /dev/stderr; {WAIT}; done"],
        [
            "python3",
            "-uc",
            "import os, sys, time\nfor i in 1, 2, 3:\n  for name in 'out', 'err':\n"
            "    print(f'{name}{i}', file=getattr(sys, f'std{name}'))\n"
            "    while not os.path.exists(f'{name}{i}'): time.sleep(0.01)",
        ],
    ],
)
async def test_lines_that_were_read_apart_are_in_the_order_as_written_and_marked(stages: StageRunner, command: list[str]) -> None:
    job = await stages.start(*command)

    seen = []
    async with asyncio.timeout(30):
        async for line in job.lines:
            seen.append((line.stream, line.text))
            (stages.folder / line.text).touch()

    assert seen == [line for i in "123" for line in (("stdout", f"out{i}"), ("stderr", f"err{i}"))]


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "exec 2>&1; for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"],
        ["sh", "-c", "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done 2>&1"],
        ["sh", "-c", 'exec "$@" 2>&1', "sh", "sh", "-c", "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"],
        ["python3", "-uc", "import os; os.dup2(1, 2)\nfor i in range(1, 6): print(f'out{i}'); os.write(2, f'err{i}\\n'.encode())"],
    ],
)
async def test_one_stream_for_both_keeps_the_exact_order(stages: StageRunner, command: list[str]) -> None:
    lines, _ = await finish(await stages.start(*command))

    assert [line.text for line in lines] == [f"{name}{i}" for i in range(1, 6) for name in ("out", "err")]
