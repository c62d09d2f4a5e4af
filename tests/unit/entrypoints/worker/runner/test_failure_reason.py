"""The reason of a failure is the last line that says something."""

from __future__ import annotations

import pytest

from entrypoints.worker.runner.failure_reason import FailureReason

TRACEBACK = ["Traceback (most recent call last):", '  File "m.py", line 3, in <module>', "    load(day)", "    ~~~~^^^^^"]


def find(stderr: list[str], stdout: list[str] | None = None) -> str:
    reason = FailureReason()
    for line in stdout or []:
        reason.add("stdout", line)
    for line in stderr:
        reason.add("stderr", line)
    return reason.text


@pytest.mark.parametrize(
    "noise",
    [
        ["+ rm -f /tmp/none", "+ exit 3"],
        ["++ dirname x", "+++ exit 1"],
        ["", "   ", "\t"],
        ["    ^^^^^^", "~~~^~~~"],
        ["-----", "=====", "}", ")", "***"],
        [" 45%|████▌     | 45/100 [00:01<00:01, 33.3it/s]"],
        ["Downloading: 100% [==========>]", "[####      ]"],
        ["3 of 6", "17/20"],
        ["Receiving objects:  67% (2/3)"],
        ["100  1256  100  1256    0     0   5432      0 --:--:-- --:--:-- --:--:--  5432"],
        ["pkg.tar.gz  50%  1.2MB/s eta 0:00:03"],
        ["\x1b[32m━━━━━━━━\x1b[0m", "\x1b[0m"],
    ],
)
def test_noise_after_the_error_is_passed_over(noise: list[str]) -> None:
    assert find(["ERROR: table missing", *noise]) == "ERROR: table missing"


@pytest.mark.parametrize(
    ("following", "reason"),
    [
        (["ValueError: bad month"], "ValueError: bad month"),
        (["ValueError: bad month", "expected 1 to 12"], "ValueError: bad month"),
        (
            ["psycopg.errors.UniqueViolation: duplicate key", "DETAIL:  Key (id)=(1) already exists."],
            "psycopg.errors.UniqueViolation: duplicate key",
        ),
        (["KeyboardInterrupt"], "KeyboardInterrupt"),
        (["ValueError: bad", "make: *** [Makefile:3: all] Error 1"], "ValueError: bad"),
        (
            ["KeyError: 'a'", "", "During handling of the above exception, another exception occurred:", "", *TRACEBACK, "RuntimeError: b"],
            "RuntimeError: b",
        ),
        (["ValueError: logged", *(f"INFO step {n}" for n in range(20)), "FATAL: gave up"], "FATAL: gave up"),
        (["\x1b[31mValueError\x1b[0m: in red"], "ValueError: in red"),
    ],
)
def test_a_traceback_gives_its_exception(following: list[str], reason: str) -> None:
    assert find([*TRACEBACK, *following]) == reason


def test_an_unfinished_traceback_keeps_what_was_found_before() -> None:
    assert find(["before", *TRACEBACK]) == "before"


@pytest.mark.parametrize(
    ("stdout", "stderr", "reason"),
    [
        (["3 tests failed: a, b, c"], [], "3 tests failed: a, b, c"),
        (["3 tests failed: a, b, c"], ["+ exit 1", ""], "3 tests failed: a, b, c"),
        (["all is well"], ["no such table"], "no such table"),
        ([*TRACEBACK, "ValueError: printed"], [], "ValueError: printed"),
        ([], [], ""),
        (["", "----"], ["^^^"], ""),
    ],
)
def test_standard_error_comes_first_and_standard_output_second(stdout: list[str], stderr: list[str], reason: str) -> None:
    assert find(stderr, stdout) == reason


@pytest.mark.parametrize(
    "line", ["disk is 100% full", "+1 row", "a+ b", "Error in 50% of rows", "SyntaxError: invalid syntax", "404", "größer als 5"]
)
def test_other_lines_are_meaningful(line: str) -> None:
    assert find(["first", line]) == line
