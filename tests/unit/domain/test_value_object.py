"""Value objects: the type checker refuses assignments, and equality compares the fields."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from application.commands.reports.report_results import ReportResult
from domain.reports.report import Report, ReportOutcome
from domain.runs.events import Event, EventType
from domain.runs.status import Status

ROOT = Path(__file__).parents[3]
VALUES = [
    ("domain.reports.report", "Report", "seq"),
    ("domain.reports.report", "Reporter", "epoch"),
    ("domain.reports.report", "ReportDecision", "seq"),
    ("domain.runs.events", "Event", "seq"),
    ("application.commands.reports.report_results", "ReportResult", "seq"),
    ("application.commands.reports.status_update", "StatusUpdate", "run_id"),
    ("application.commands.reports.find_report_target", "ReportTarget", "run_id"),
]
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_values_with_equal_fields_are_equal() -> None:
    one, same = (Report(Status.RUNNING, "a", records_processed=3) for _ in range(2))

    assert one == same and len({one, same}) == 1
    assert one != replace(one, records_processed=4)
    assert ReportResult(ReportOutcome.APPLIED, replayed=True) == ReportResult(ReportOutcome.APPLIED), "what is not compared"


def test_values_have_their_own_defaults_and_no_other_attributes() -> None:
    one, other = (Event(number, EventType.STAGE_PROGRESS, NOW) for number in (1, 2))
    unknown = "anything"

    assert one.data is not other.data
    assert not hasattr(one, "__dict__")
    with pytest.raises(AttributeError):
        setattr(one, unknown, 1)


def test_the_type_checker_refuses_assignments(tmp_path: Path) -> None:
    """The type checker runs in its own process, since it changes limits of the interpreter."""
    change = "from {0} import {1}\ndef change_{1}(value: {1}) -> None: value.{2} = 1"
    program = "\n".join(change.format(*value) for value in VALUES)
    arguments = ["--cache-dir", str(tmp_path), "--config-file", "", "--follow-imports=silent", "-c", program]

    result = subprocess.run([sys.executable, "-m", "mypy", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    errors = [line for line in result.stdout.splitlines() if "is read-only" in line]
    assert len(errors) == len(VALUES), result
