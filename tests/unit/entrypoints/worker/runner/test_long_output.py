"""Of output beyond the limit, the head and the tail are stored, with a line between that counts what is left out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.system.secret_store import LocalSecretStore
from domain.runs.status import Status
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.runner.test_unfinished_lines import wait_until_shown
from tests.unit.entrypoints.worker.running_worker import running_worker, sh

LIMIT = 40_000
"""30,000 bytes for the head, 10,000 for the tail."""
NOTE = "This attempt has written 29.3 KiB. The last 9.8 KiB of what follows are shown when it ends."
LEFT_OUT = re.compile(r"([\d,]+) lines? \(([\d,]+) bytes?\) are left out here\.")
SECRET = "s3cr3t-canary-value"

Log = list[tuple[str, str]]


@pytest.fixture
async def web() -> AsyncIterator[ServedHeadgate]:
    async with ServedHeadgate(log_bytes_per_stage=LIMIT).open() as web:
        yield web


async def run_stage(web: ServedHeadgate, folder: Path, stage: dict[str, Any], **settings: Any) -> tuple[str, str, Log]:
    """Run one stage to its end; return its status, its error message and its log."""
    pipeline = await web.create_pipeline(stage)
    async with running_worker(web, folder, **settings):
        run = await web.wait_until_over(await web.trigger(pipeline))
    attempt = run.stages["s"].attempts[-1]
    return run.stages["s"].status.value, attempt.error_message or "", web.get_log(run.id, "s")


def split_log(log: Log) -> tuple[Log, int, int, Log]:
    """Return the head, the lines and bytes left out, and the tail."""
    at = log.index(("headgate", NOTE))
    counted = LEFT_OUT.fullmatch(log[at + 1][1])
    assert counted is not None
    lines, size = (int(number.replace(",", "")) for number in counted.groups())
    return log[1:at], lines, size, log[at + 2 :]


NUMBERS = "i=0; while [ $i -lt 6000 ]; do echo line $i; i=$((i+1)); done; "
FLOODS = [
    ("seq 1 20000; echo '3 tests failed: a, b, c'; exit 1", 20_001, "3 tests failed: a, b, c", "Exited with code 1."),
    (NUMBERS + "echo 'no such table' >&2; exit 4", 6_001, "no such table", "Exited with code 4."),
    ("seq 1 9000 >&2; echo 'no space left' >&2; exit 2", 9_001, "no space left", "Exited with code 2."),
    ("yes größer | head -n 9000; printf 'ends without a line end'; exit 1", 9_001, "ends without a line end", "Exited with code 1."),
    ("yes | head -c 600000; echo; echo 'out of memory' >&2; kill -9 $$", 300_002, "out of memory", "Killed by signal 9 (SIGKILL)."),
    ("yes '' | head -n 20000; seq 1 30000; echo 'after blanks'; exit 1", 50_001, "after blanks", "Exited with code 1."),
]


@pytest.mark.parametrize(("script", "count", "reason", "last"), FLOODS)
async def test_a_failures_reason_at_the_end_is_kept(
    web: ServedHeadgate, tmp_path: Path, script: str, count: int, reason: str, last: str
) -> None:
    status, message, log = await run_stage(web, tmp_path, sh("s", script))

    head, left_out, _, tail = split_log(log)
    assert (status, message) == ("failed", f"{last} {reason}")
    assert tail[-1] == ("headgate", last)
    assert reason in dict(tail).values(), "it is the last line of its stream; lines of two streams have no order"
    assert len(head) + left_out + len(tail) - 1 == count
    assert sum(len(text.encode()) for stream, text in head + tail if stream != "headgate") <= LIMIT


async def test_lines_keep_their_order_around_the_cut(web: ServedHeadgate, tmp_path: Path) -> None:
    status, _, log = await run_stage(web, tmp_path, sh("s", "seq 1 20000"))

    head, left_out, size, tail = split_log(log)
    first, last = [int(text) for _, text in head], [int(text) for _, text in tail]
    assert status == "completed"
    assert first == list(range(1, len(head) + 1))
    assert last == list(range(20_001 - len(tail), 20_001))
    dropped = [str(number) for number in range(len(head) + 1, last[0])]
    assert (left_out, size) == (len(dropped), sum(map(len, dropped)))


async def test_output_that_fits_into_head_and_tail_is_complete(web: ServedHeadgate, tmp_path: Path) -> None:
    text = "x" * 999

    _, _, log = await run_stage(web, tmp_path, sh("s", f"yes {text} | head -n 32"))

    assert [line for line in log[1:] if line[0] != "headgate"] == [("stdout", text)] * 32
    assert [line for stream, line in log[1:] if stream == "headgate"] == [NOTE]


@pytest.mark.parametrize(("count", "notes"), [(1, []), (30, []), (31, [NOTE])])
async def test_only_output_beyond_the_head_has_a_note(web: ServedHeadgate, tmp_path: Path, count: int, notes: list[str]) -> None:
    script = f'yes "$(printf %0990d 0)" | head -n {count}'

    _, _, log = await run_stage(web, tmp_path, {"name": "s", "kind": "command", "command": ["sh", "-c", script]})

    assert [text for stream, text in log[1:] if stream == "headgate"] == notes


async def test_the_newest_lines_are_shown_while_the_tail_is_held_back(web: ServedHeadgate, tmp_path: Path) -> None:
    error, more, end = tmp_path / "error", tmp_path / "more", tmp_path / "end"
    wait = "until [ -e {} ]; do sleep 0.02; done"
    start = f"seq 1 20000; {wait.format(error)}; echo loading >&2"
    script = f"{start}; {wait.format(more)}; seq 1 500; printf almost; {wait.format(end)}; echo ' done'"
    pipeline = await web.create_pipeline(sh("s", script))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await wait_until_shown(web, run_id, [("stdout", str(number)) for number in range(19_981, 20_001)])
        error.touch()
        await wait_until_shown(web, run_id, [*(("stdout", str(number)) for number in range(19_982, 20_001)), ("stderr", "loading")])
        more.touch()
        await wait_until_shown(web, run_id, [*(("stdout", str(number)) for number in range(481, 501)), ("stdout", "almost")])
        end.touch()
        await web.wait_until_over(run_id)
        await wait_until_shown(web, run_id, [])

    assert split_log(web.get_log(run_id, "s"))[3][-1] == ("stdout", "almost done")


async def test_the_tail_of_a_function_is_kept(web: ServedHeadgate, tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text("def work():\n    for n in range(20000): print('row', n)\n    raise ValueError('bad month')\n")

    status, message, log = await run_stage(web, tmp_path, {"name": "s", "kind": "python", "callable": "noisy:work"})

    _, _, _, tail = split_log(log)
    assert status == "failed"
    assert "bad month" in message
    assert ("stdout", "row 19999") in tail
    assert any("ValueError: bad month" in text for _, text in tail)


async def test_the_tail_is_kept_at_a_timeout(web: ServedHeadgate, tmp_path: Path) -> None:
    script = "seq 1 20000; echo 'waiting for the lock'; sleep 60"

    status, message, log = await run_stage(web, tmp_path, sh("s", script, timeout=3))

    assert (status, message) == ("failed", "Exceeded its time limit of 3 s.")
    assert ("stdout", "waiting for the lock") in split_log(log)[3]


async def test_the_tail_is_kept_when_a_stage_is_cancelled(web: ServedHeadgate, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pipeline = await web.create_pipeline(
        sh("s", f"trap 'echo stopping; exit 1' TERM; seq 1 20000; touch {ready}; while :; do sleep 0.02; done")
    )

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(ready.exists)
        await web.application.cancel_stage()(run_id, "s")
        run = await web.wait_until_over(run_id)

    assert run.status is Status.CANCELLED
    assert ("stdout", "stopping") in split_log(web.get_log(run_id, "s"))[3]


async def test_the_tail_is_kept_when_the_worker_is_stopped(web: ServedHeadgate, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pipeline = await web.create_pipeline(sh("s", f"seq 1 20000; echo at work; touch {ready}; exec sleep 60"))

    async with running_worker(web, tmp_path) as running:
        run_id = await web.trigger(pipeline)
        await eventually(ready.exists)
        running.stop.set()
        running.worker.interrupt_all()
        await asyncio.wait_for(asyncio.shield(running.task), 20)

    assert ("stdout", "at work") in split_log(web.get_log(run_id, "s"))[3]


async def test_the_tail_is_stored_once_if_answers_are_lost(web: ServedHeadgate, tmp_path: Path) -> None:
    web.faults.lost_answers["logs"] = 4

    _, _, log = await run_stage(web, tmp_path, sh("s", "seq 1 20000"))

    tail = [int(text) for _, text in split_log(log)[3]]
    assert tail == list(range(20_001 - len(tail), 20_001))


@pytest.mark.parametrize(
    "show",
    [
        'echo "$A"',
        'printf %s "$A" | base64',
        'printf "%s\\n" "$A" | fold -w 5',
        'printf %s "$A" | od -An -tx1 | tr -d " \\n"; echo',
        'printf "\\033[31m%s\\033[0m\\n" "$A"',
        'echo "token=$A" >&2',
    ],
)
async def test_secrets_are_masked_on_both_sides_of_the_cut(web: ServedHeadgate, tmp_path: Path, show: str) -> None:
    script = f"i=0; while [ $i -lt 600 ]; do {show}; echo ........................................; i=$((i+1)); done"
    stage = sh("s", f"({script}) | cat", secrets={"A": "A"})

    _, _, log = await run_stage(web, tmp_path, stage, secrets=LocalSecretStore(None, {"HEADGATE_SECRET_A": SECRET}))

    text = "\n".join(text for _, text in log)
    assert "***" in text
    assert not [part for part in (SECRET, SECRET[:12], SECRET[7:]) if part in text.replace("\n", "")]
