"""Output is copied to the worker's own log only if that is configured."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from adapters.system.clock import SystemClock
from entrypoints.worker.runner.log_shipper import LogShipper
from entrypoints.worker.stage_host.job import EndedProcess, JobResult, OutputLine, UnfinishedText
from tests.support.log_records import recorded_log

PRINTED = [
    OutputLine("stdout", "reading", datetime(2026, 1, 1, tzinfo=UTC)),
    OutputLine("stderr", "slow", datetime(2026, 1, 1, tzinfo=UTC)),
]


class PrintingJob:
    def __init__(self, printed: list[OutputLine], result: JobResult) -> None:
        self._printed, self._result = printed, result

    async def batches(self) -> AsyncIterator[list[OutputLine]]:
        if self._printed:
            yield self._printed

    unfinished: Sequence[UnfinishedText] = ()

    async def wait(self) -> JobResult:
        return self._result


class RecordingApi:
    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Sequence[bytes], **_: Any) -> None:
        self.lines += lines


@pytest.mark.parametrize(("forward_logs", "records"), [({}, []), ({"forward_logs": True}, [("reading", "stdout"), ("slow", "stderr")])])
async def test_lines_are_sent_always_and_forwarded_only_if_configured(
    forward_logs: dict[str, bool], records: list[tuple[str, str]]
) -> None:
    api = RecordingApi()

    with recorded_log("headgate.stage") as log:
        await LogShipper(cast(Any, api), 1, "load", 1, SystemClock(), **forward_logs).ship_output(
            cast(Any, PrintingJob(PRINTED, JobResult(code=0)))
        )

    assert [(record.getMessage(), vars(record).get("stream")) for record in log.records] == records
    assert len(api.lines) == len(PRINTED)


@pytest.mark.parametrize(
    ("count", "last"),
    [
        (1, "Ended sleep (process 1), which the stage left running."),
        (10, "Ended sleep (process 10), which the stage left running."),
        (12, "Ended 2 more processes, which the stage left running."),
    ],
)
async def test_the_log_names_the_processes_that_a_stage_left_running(count: int, last: str) -> None:
    api = RecordingApi()
    result = JobResult(code=0, ended_helpers=tuple(EndedProcess(pid + 1, "sleep") for pid in range(count)))

    await LogShipper(cast(Any, api), 1, "load", 1, SystemClock()).ship_output(cast(Any, PrintingJob([], result)))

    notes = [json.loads(line) for line in api.lines]
    assert {note[2] for note in notes} == {"headgate"}
    assert (notes[0][3], notes[-1][3]) == ("Ended sleep (process 1), which the stage left running.", last)
    assert len(notes) == min(count, 11)
