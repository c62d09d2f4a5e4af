import math
from typing import Any

import pytest

from entrypoints.worker.runner.attempt_results import ReportBuilder
from entrypoints.worker.stage_host.job import JobResult
from entrypoints.worker_protocol.messages import StageReport, encode_json


def build(result: dict[str, Any] | None, note: str | None = None) -> StageReport:
    report = ReportBuilder((1, 1), ("a", 1), 10.0).build(JobResult(code=0, result=result, note=note), None, "")
    encode_json(report.to_json())
    return report


@pytest.mark.parametrize(
    ("result", "output", "message"),
    [
        ({"a": 1}, {"a": 1}, None),
        (None, None, None),
        ({"mean": math.nan}, {"mean": None}, "Not stored as reported: output.mean is NaN and was stored as null."),
        ({"max": math.inf}, {"max": None}, "Not stored as reported: output.max is Infinity and was stored as null."),
        ({"id": 2**64}, {"id": str(2**64)}, "Not stored as reported: output.id has more than 64 bits and was stored as text."),
        ({"text": "\0"}, {"text": "\ufffd"}, "Not stored as reported: output.text has characters that cannot be stored"),
        ({"text": "x" * 600_000}, None, "The output was not kept: it has 600,011 bytes, more than "),
    ],
)
def test_a_completed_attempt_is_reported_whatever_its_output_is(result: Any, output: Any, message: str | None) -> None:
    report = build(result)

    assert (report.status, report.output) == ("completed", output)
    assert report.message == message or (report.message or "").startswith(message or "-")


@pytest.mark.parametrize("length", [4_001, 20_000, 300_000])
def test_a_long_reason_keeps_its_beginning_and_its_end(length: int) -> None:
    error = ReportBuilder((1, 1), ("a", 1), 10.0).build_failure("cannot start " + "x" * length + " permission denied").error_message

    assert error is not None
    assert error.startswith("cannot start ")
    assert error.endswith(" permission denied")
    assert len(error) <= 4_000


def test_the_note_of_a_result_that_was_left_out_is_the_message() -> None:
    assert build(None, "The output was not kept.").message == "The output was not kept."


@pytest.mark.parametrize(
    ("records", "reported"), [(0, 0), (7, 7), (-1, None), (True, None), (1.5, None), (2**63 - 1, 2**63 - 1), (2**63, None)]
)
def test_only_a_count_that_can_be_stored_is_reported(records: Any, reported: int | None) -> None:
    assert build({"records_processed": records}).records_processed == reported
