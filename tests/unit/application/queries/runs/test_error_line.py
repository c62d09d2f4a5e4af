"""The log line that is highlighted is the one that the error message quotes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from application.queries.runs.error_line import find_error_line
from domain.output.failure_reason import FailureReason
from domain.output.failure_text import describe_failure
from domain.runs.status import Status
from tests.fakes import FakeAdapters
from tests.support.run_stories import AttemptStory, RunStories

HEADLINE = "%$ bash -xc load"


async def find(lines: Sequence[str], error: str | None, status: Status = Status.FAILED) -> str | None:
    """Return the text of the line that is found in the log of a failed run."""
    fakes = FakeAdapters()
    stories = RunStories(fakes)
    pipeline = await stories.add_pipeline("nightly", ["load"])
    run_id = await stories.play_run(pipeline, fakes.clock.now(), {"load": [AttemptStory(5, status, error=error)]})
    await stories.append_log(run_id, "load", lines)
    run = await fakes.reader.run(run_id)
    assert run is not None
    number = await find_error_line(fakes.reader, run)
    return lines[number - 1] if number is not None else None


def get_message(lines: Sequence[str]) -> str:
    """Return the error message that a worker reports for these lines."""
    reason = FailureReason()
    for line in lines:
        if not line.startswith("%"):
            reason.add("stderr" if line.startswith("!") else "stdout", line.lstrip("!"))
    return describe_failure(3, None, reason.text)


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        (["!first warning"], "!ERROR: table missing", ["!+ rm -f /tmp/none", "!+ exit 3"]),
        (["!+ echo 'ERROR: table missing'"], "!ERROR: table missing", ["!+ exit 3"]),
        (["!a warning"], "!\x1b[31merror\x1b[0m 42: no such day", ["!make: *** [load] Error 3"]),
        (["4 passed"], "3 tests failed: a, b, c", []),
        (["ValueError: bad month", "another try"], "!ValueError: bad month", ["!make: *** [ValueError: bad month] Error 1"]),
        ([], "!" + "very long " * 60, []),
        (["!Traceback (most recent call last):", '!  File "x.py", line 1, in <module>'], "!db.Error: no", ["!DETAIL: row 5"]),
        ([], "!   indented error", ["!"]),
    ],
)
async def test_the_line_is_the_one_that_the_message_quotes(before: list[str], line: str, after: list[str]) -> None:
    lines = [HEADLINE, *before, line, *after, "%Exited with code 3."]

    assert await find(lines, get_message(lines)) == line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("ValueError: bad month\nin row 5", "!app.ValueError: bad month"),
        ("Exited with code 3.", "%Exited with code 3."),
        ("No such file: loader", "%No such file: loader"),
        ("Killed by signal 9 (SIGKILL). out of memory", "out of memory"),
        ("Exceeded its time limit of 5 s.", "!app.ValueError: bad month"),
        (None, "!app.ValueError: bad month"),
    ],
)
async def test_messages_of_other_kinds_lead_to_their_line_or_to_that_of_the_reason(error: str | None, line: str) -> None:
    lines = [HEADLINE, "!app.ValueError: bad month", "out of memory", "%No such file: loader"]
    lines += ["!waiting for the lock", "!", "%Exited with code 3.", "%Killed by signal 15 (SIGTERM)."]

    assert await find(lines, error) == line


async def test_a_run_without_a_failure_or_without_a_log_has_no_such_line() -> None:
    assert await find(["!ERROR: a"], None, Status.COMPLETED) is None
    assert await find([], "Exited with code 3.") is None
