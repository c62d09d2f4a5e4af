"""The line that says what an incident is about."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.summary import MAX_SUMMARY, describe_failure, describe_missed, shorten_error


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("psycopg.errors.UniqueViolation: duplicate key value", "UniqueViolation"),
        ("ValueError: no rows\nTraceback (most recent call last):", "ValueError"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("requests.exceptions.ReadTimeout: pool", "ReadTimeout"),
        ("\n  Exit code 3.\n", "Exit code 3"),
        ("Exited with code 3.", "Exited with code 3"),
        ("Exited with code 1. psycopg.errors.UniqueViolation: duplicate key value", "UniqueViolation"),
        ("Exited with code 2. cat: sales.csv: No such file or directory", "cat: sales.csv: No such file or directory"),
        ("Killed by signal 9 (SIGKILL). out of memory", "out of memory"),
        ("The worker stopped responding.", "The worker stopped responding"),
        ("error: no such file", "error: no such file"),
        ("x" * 200, "x" * 99 + "…"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_error_is_the_name_of_its_exception_or_its_first_line(message: str | None, expected: str) -> None:
    assert shorten_error(message) == expected


def test_a_failure_names_the_stage_and_the_error_if_they_are_known() -> None:
    assert describe_failure("failed", "fact-orders", "UniqueViolation: x") == "failed at fact-orders: UniqueViolation"
    assert describe_failure("lost", "load", None) == "lost at load"
    assert describe_failure("cancelled", None, None) == "cancelled"
    assert describe_missed(datetime(2026, 11, 29, 2, tzinfo=UTC)) == "did not start for 2026-11-29 02:00 UTC"


@given(st.text(), st.text(max_size=1_000))
def test_a_summary_is_one_short_line(stage: str, error: str) -> None:
    summary = describe_failure("failed", stage.replace("\n", " ").replace("\r", " "), error)

    assert len(summary) <= MAX_SUMMARY
