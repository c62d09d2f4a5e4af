"""Output is copied to the worker's own log only if that is configured."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from adapters.system.clock import SystemClock
from entrypoints.worker.runner.log_shipper import LogShipper
from entrypoints.worker.stage_host.job import JobResult, OutputLine
from tests.support.log_records import recorded_log

PRINTED = [
    OutputLine("stdout", "reading", datetime(2026, 1, 1, tzinfo=UTC)),
    OutputLine("stderr", "slow", datetime(2026, 1, 1, tzinfo=UTC)),
]


class PrintingJob:
    async def batches(self) -> AsyncIterator[list[OutputLine]]:
        yield PRINTED

    async def wait(self) -> JobResult:
        return JobResult(code=0)


class RecordingApi:
    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Sequence[bytes]) -> None:
        self.lines += lines


@pytest.mark.parametrize(("forward_logs", "records"), [({}, []), ({"forward_logs": True}, [("reading", "stdout"), ("slow", "stderr")])])
async def test_lines_are_sent_always_and_forwarded_only_if_configured(
    forward_logs: dict[str, bool], records: list[tuple[str, str]]
) -> None:
    api = RecordingApi()

    with recorded_log("headgate.stage") as log:
        await LogShipper(cast(Any, api), 1, "load", 1, SystemClock(), **forward_logs).ship_output(cast(Any, PrintingJob()))

    assert [(record.getMessage(), vars(record).get("stream")) for record in log.records] == records
    assert len(api.lines) == len(PRINTED)
