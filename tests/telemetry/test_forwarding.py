"""What stages print goes into the worker's own log only where that was asked for."""

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from entrypoints.worker.host_job import JobEnd, Line
from entrypoints.worker.shipper import Shipper

PRINTED = [Line("stdout", "reading", datetime(2026, 1, 1, tzinfo=UTC)), Line("stderr", "slow", datetime(2026, 1, 1, tzinfo=UTC))]


class PrintingJob:
    async def batches(self) -> AsyncIterator[list[Line]]:
        yield PRINTED

    async def wait(self) -> JobEnd:
        return JobEnd(code=0)


class KeepingLink:
    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Sequence[bytes]) -> None:
        self.lines += lines


class Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append((record.getMessage(), vars(record).get("stream")))


@pytest.mark.parametrize(("forwards", "heard"), [({}, []), ({"forwards": True}, [("reading", "stdout"), ("slow", "stderr")])])
async def test_lines_are_forwarded_only_if_asked_for_and_reach_headgate_either_way(
    forwards: dict[str, bool], heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, ear, link = logging.getLogger("headgate.stage"), Ear(), KeepingLink()
    # Whatever other tests of the process did to logging is none of this one's business.
    monkeypatch.setattr(logger, "handlers", [ear])
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "disabled", False)
    logger.manager._clear_cache()  # type: ignore[attr-defined]

    await Shipper(cast(Any, link), 1, "load", 1, **forwards).ship(cast(Any, PrintingJob()))

    assert ear.heard == heard
    assert len(link.lines) == len(PRINTED)
