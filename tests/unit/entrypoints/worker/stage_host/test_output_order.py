"""Lines of both streams are in the order of their writes, or marked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entrypoints.worker.stage_host.output_order import OrderedOutput, order_output
from entrypoints.worker.stage_host.protocol import MARK_NAME
from entrypoints.worker.stage_host.stage_output import READ_SIZE, StageOutput
from entrypoints.worker.stage_host.stage_process import StageProcess
from entrypoints.worker.stage_host.start_errors import StageStartError
from entrypoints.worker.stage_host.write_watch import WriteWatch
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish

NAMES = {"o": "stdout", "e": "stderr"}


def order(stdout: str, stderr: str, writes: str) -> OrderedOutput:
    data = {stream: text.encode() for stream, text in (("stdout", stdout), ("stderr", stderr)) if text}
    return order_output(data, [NAMES[letter] for letter in writes])


@pytest.mark.parametrize(
    ("stdout", "stderr", "writes", "ordered"),
    [
        ("1\n2\n", "a\nb\n", "oeoe", "1 a 2 b"),
        ("1\n2\n", "a\n", "oeo", "1 a 2"),
        ("1\n2\n", "a\n", "oooeo", "1 a 2"),
        ("1\n2\n", "a\nb\n", "eo", "a b 1 2"),
        ("1\n2", "a\n", "oeo", "1 a 2"),
        ("1\r2\n", "a\n", "oe", "1\r2 a"),
        ("1\n", "", "o", "1"),
    ],
)
def test_one_write_a_line_gives_the_exact_order(stdout: str, stderr: str, writes: str, ordered: str) -> None:
    found = order(stdout, stderr, writes)

    assert b"".join(data for _, data in found.parts).replace(b"\n", b" ").decode().strip() == ordered
    assert found.is_exact


@pytest.mark.parametrize(
    ("stdout", "stderr", "writes", "rest"),
    [
        ("1\n2\n", "a\n", "oeoe", ["stderr"]),  # the last write was not read yet
        ("1\n", "", "oe", ["stderr"]),
        ("1\n", "a\nb\n", "oeoe", []),  # the first notification is late
        ("1\n", "a\n", "o", []),
        ("1\n", "a\nb\n", "eo", []),
    ],
)
def test_notifications_that_are_late_or_early_keep_the_order_exact(stdout: str, stderr: str, writes: str, rest: list[str]) -> None:
    found = order(stdout, stderr, writes)

    assert (found.is_exact, found.rest) == (True, rest)


@pytest.mark.parametrize(
    ("stdout", "stderr", "writes", "ordered"),
    [
        ("1\n2\n3\n4\n", "a\nb\n", "oeoe", "1 2 a 3 4 b"),
        ("1\n2\n3\n", "a\n", "oeo", "1 a 2 3"),
        ("1\n2\n", "a\n", "", "1 2 a"),
    ],
)
def test_an_order_that_is_not_certain_is_marked(stdout: str, stderr: str, writes: str, ordered: str) -> None:
    found = order(stdout, stderr, writes)

    assert b"".join(data for _, data in found.parts).replace(b"\n", b" ").decode().strip() == ordered
    assert not found.is_exact


class Pipes:
    """The pipes of a stage, both ends."""

    def __init__(self) -> None:
        (self.out, self._out_end), (self.err, self._err_end) = os.pipe(), os.pipe()
        for descriptor in (self.out, self.err):
            os.set_blocking(descriptor, False)

    def write(self, stdout: bytes = b"", stderr: bytes = b"") -> None:
        for descriptor, data in ((self._out_end, stdout), (self._err_end, stderr)):
            if data:
                os.write(descriptor, data)

    def close(self) -> None:
        for descriptor in (self.out, self._out_end, self.err, self._err_end):
            os.close(descriptor)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close()


def test_pipes_that_cannot_be_watched_give_marked_lines(pipes: Pipes) -> None:
    output = StageOutput(pipes.out, pipes.err, UnavailableWatch())
    pipes.write(stderr=b"a\n")
    pipes.write(stdout=b"1\n")

    found = output.read()

    assert (found.parts, found.is_exact) == ([("stdout", b"1\n"), ("stderr", b"a\n")], False)


class UnavailableWatch(WriteWatch):
    def watch(self, pipes: tuple[int, ...]) -> dict[int, int]:
        return {}


def test_lines_written_while_a_full_pipe_is_read_are_in_order(pipes: Pipes) -> None:
    output = StageOutput(pipes.out, pipes.err, WatchDuringWrites([lambda: None, lambda: pipes.write(b"last\n", b"error\n")]))
    pipes.write(stdout=b"x\n" * (READ_SIZE // 2))

    found = [output.read(), output.read()]

    parts = [part for each in found for part in each.parts]
    assert parts[-1] == ("stderr", b"error\n")
    assert parts[-2][0] == "stdout" and parts[-2][1].endswith(b"last\n")
    assert all(each.is_exact for each in found)


def test_a_stage_that_cannot_start_is_no_longer_watched(tmp_path: Path) -> None:
    watch = CountingWatch()
    start = {"id": 1, "kind": "command", "cwd": str(tmp_path), "env": {MARK_NAME: "mark"}, "argv": ["no-such-program"], "python": ""}

    with pytest.raises(StageStartError):
        StageProcess(start, {}, watch)

    assert watch.has_watched and not watch.watched


class CountingWatch(WriteWatch):
    """Knows which pipes are watched."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: set[int] = set()
        self.has_watched = False

    def watch(self, pipes: tuple[int, ...]) -> dict[int, int]:
        numbers = super().watch(pipes)
        self.watched |= set(numbers.values())
        self.has_watched = bool(numbers)
        return numbers

    def unwatch(self, numbers: list[int]) -> None:
        super().unwatch(numbers)
        self.watched -= set(numbers)


class WatchDuringWrites(WriteWatch):
    """A stage writes something before each look at the notifications."""

    def __init__(self, steps: list[Callable[[], None]]) -> None:
        super().__init__()
        self._steps = steps

    def take_writes(self, number: int) -> list[int]:
        if self._steps:
            self._steps.pop(0)()
        return super().take_writes(number)


LINES = [f"{name}{number}" for number in range(1, 6) for name in ("out", "err")]
PRINT = "import sys\nfor i in range(1, 6):\n  print(f'out{i}')\n  print(f'err{i}', file=sys.stderr)"


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"],
        ["bash", "-c", "for i in 1 2 3 4 5; do echo out$i; echo err$i >/dev/stderr; done"],
        ["bash", "-c", "for i in 1 2 3 4 5; do /bin/echo out$i; /bin/echo err$i >&2; done"],
        ["python3", "-uc", PRINT],
        ["sh", "-c", 'exec "$0" -uc "$1"', "python3", PRINT],
        ["perl", "-e", '$| = 1; for (1..5) { print "out$_\\n"; print STDERR "err$_\\n" }'],
    ],
)
async def test_lines_written_in_quick_succession_are_in_the_order_of_their_writes(stages: StageRunner, command: list[str]) -> None:
    lines, _ = await finish(await stages.start(*command))

    assert [line.text for line in lines] == LINES
    assert not any(line.is_order_approximate for line in lines)


async def test_lines_of_one_write_among_those_of_the_other_stream_are_marked(stages: StageRunner) -> None:
    script = "import os\nfor i in range(200):\n  os.write(1, b'a\\nb\\n')\n  os.write(2, b'c\\n')\n  os.write(1, b'd\\n')"

    lines, _ = await finish(await stages.start("python3", "-c", script))

    for stream, texts in (("stdout", ["a", "b", "d"] * 200), ("stderr", ["c"] * 200)):
        assert [line.text for line in lines if line.stream == stream] == texts
    assert any(line.is_order_approximate for line in lines)


async def test_a_function_prints_both_streams_in_order(stages: StageRunner) -> None:
    stages.module("prints", "def run():\n    " + PRINT.replace("\n", "\n    "))

    lines, end = await stages.call("prints:run")

    assert end.succeeded
    assert [line.text for line in lines] == LINES
