"""Output: every line arrives sanitized, in order, and in bounded memory."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.worker.stage_host.job import Job
from entrypoints.worker.stage_host.line_splitter import LINE_LIMIT, LineSplitter
from entrypoints.worker.stage_host.protocol import WINDOW, FrameDecoder, encode_frame
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish, texts


def split(*chunks: bytes) -> list[str]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + list(splitter.flush())


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\r\n\nc"], ["a", "b", "", "c"]),
        ([b"\xc3", b"\xbc\n"], ["ü"]),
        ([b"a\0b \xed\xa0\x80 \xff\n"], ["a\ufffdb \ufffd\ufffd\ufffd \ufffd"]),
        ([b"a\n", b""], ["a"]),
        ([b""], []),
    ],
)
def test_lines_are_complete_and_sanitized(chunks: list[bytes], lines: list[str]) -> None:
    assert split(*chunks) == lines


def test_a_long_line_is_cut_between_characters() -> None:
    text = "x" + "ü" * LINE_LIMIT

    lines = split(text.encode())

    assert "".join(lines) == text
    assert [len(line.encode()) for line in lines] == [LINE_LIMIT - 1, LINE_LIMIT, 2]


@settings(deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_cuts_in_the_stream_change_no_line(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    assert split(*(data[a:b] for a, b in pairwise(places))) == split(data)


@settings(deadline=None)
@given(st.lists(st.tuples(st.dictionaries(st.text(), st.text()), st.binary(max_size=50)), max_size=5), st.integers(1, 40))
def test_frames_survive_any_cut(messages: list[tuple[dict[str, str], bytes]], size: int) -> None:
    stream = b"".join(encode_frame(message, payload) for message, payload in messages)
    frames = FrameDecoder()

    assert [pair for at in range(0, len(stream), size) for pair in frames.feed(stream[at : at + size])] == messages


async def test_lines_arrive_with_their_time_while_the_stage_runs(stages: StageRunner) -> None:
    os.mkfifo(stages.folder / "gate")
    job = await stages.start("/bin/sh", "-c", "echo first; read line < gate; echo $line")
    lines = job.lines

    first = await anext(lines)
    seen = datetime.now(UTC)
    await asyncio.to_thread((stages.folder / "gate").write_text, "second\n")
    second = await anext(lines)

    assert (first.text, second.text) == ("first", "second")
    assert job.started_at is not None
    assert job.started_at - timedelta(seconds=1) <= first.at <= seen <= second.at


async def test_the_two_streams_keep_their_own_order(stages: StageRunner) -> None:
    lines, _ = await stages.sh("i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done")

    assert texts(lines) == [f"o{n}" for n in range(500)]
    assert texts(lines, "stderr") == [f"e{n}" for n in range(500)]


async def test_fifty_megabytes_arrive_complete(stages: StageRunner) -> None:
    job = await stages.start("/bin/sh", "-c", "yes 0123456789012345678901234567890123456789012345678 | head -c 50000000")

    count = 0
    async for batch in job.batches():
        count += sum(len(line.text) + 1 for line in batch)

    assert count == 50_000_000
    assert (await job.wait()).succeeded


async def test_a_stage_whose_output_is_not_read_waits_without_delaying_others(stages: StageRunner) -> None:
    loud = await stages.start("yes", "0123456789")
    wrote = await _stuck(loud)

    began = time.monotonic()
    lines, end = await stages.sh("echo quick")

    assert (texts(lines), end.code) == (["quick"], 0)
    assert time.monotonic() - began < 30
    assert wrote < WINDOW + 512 * 1024
    # What was held back comes once it is read, and the end is not held up by what is not.
    assert (await anext(loud.batches()))[0].text == "0123456789"
    assert (await asyncio.wait_for(loud.kill(), 5)).signal == 9


async def test_a_slow_reader_loses_nothing(stages: StageRunner) -> None:
    job = await stages.start("seq", "1", "300000")
    await _stuck(job)

    lines, end = await finish(job)

    assert texts(lines) == [str(n) for n in range(1, 300_001)]
    assert end.succeeded


async def _stuck(job: Job) -> int:
    """Wait until a program pauses, and return the bytes it has written."""
    quiet, last = 0, -1
    async with asyncio.timeout(20):
        while quiet < 10:
            await asyncio.sleep(0.03)
            wrote = int(Path(f"/proc/{job.pid}/io").read_text().partition("wchar: ")[2].split()[0])
            quiet, last = (quiet + 1 if wrote == last > 0 else 0), wrote
    return last
