"""A client that triggers runs and reports on stages. It repeats requests until it gets a response and records what was acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.chaos.pipelines import EXTERNAL_STAGES


@dataclass(frozen=True, slots=True)
class AcknowledgedTrigger:
    run_id: int
    pipeline: str
    tag: str


@dataclass(frozen=True, slots=True)
class AcknowledgedReport:
    run_id: int
    stage: str
    status: str
    applied: bool
    seq: int | None


@dataclass(slots=True)
class Ledger:
    """What Headgate acknowledged. `broken` describes responses that must not happen."""

    triggers: list[AcknowledgedTrigger] = field(default_factory=list)
    reports: list[AcknowledgedReport] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return len(self.triggers) + len(self.reports)


class Driver:
    """Sends each request to a random web. `skew` is added to its clock."""

    def __init__(self, urls: Sequence[str], rng: random.Random, skew: timedelta = timedelta()) -> None:
        self.ledger = Ledger()
        self._urls, self._rng, self._skew = list(urls), rng, skew
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(4.0, connect=1.0), trust_env=False)
        self._count = 0

    async def close(self) -> None:
        await self._http.aclose()

    async def run(self, pipeline: str, seconds: float = 60.0) -> int:
        """Trigger a run and report its external stages until they complete. Return its id when everything is acknowledged."""
        async with asyncio.timeout(seconds):
            run_id = await self.trigger(pipeline)
            await self.report_all(run_id, pipeline)
        return run_id

    async def report_all(self, run_id: int, pipeline: str) -> None:
        """Report every external stage of the run until it completes."""
        for position, stage in enumerate(EXTERNAL_STAGES.get(pipeline, ())):
            await self.report_stage(run_id, stage, 3 * position)

    async def trigger(self, pipeline: str, seconds: float = 90.0) -> int:
        self._count += 1
        tag = f"{pipeline}-{self._count}-{self._rng.random()}"
        answer = await self._until_answered(f"/trigger/{pipeline}", {"parameters": {"tag": tag}}, seconds)
        assert answer.status_code == 202, answer.text
        acked = AcknowledgedTrigger(int(answer.json()["run_id"]), pipeline, tag)
        self.ledger.triggers.append(acked)
        return acked.run_id

    async def report_stage(self, run_id: int, stage: str, first_seq: int) -> None:
        """Report running, progress and completed; repeat some reports."""
        for number, (status, records) in enumerate((("running", None), ("running", 10), ("completed", 20))):
            body: dict[str, Any] = {"run_id": run_id, "stage_name": stage, "status": status, "event_id": f"{stage}-{number}"}
            body |= {"reporter": "machine", "seq": first_seq + number, "reported_at": (datetime.now(UTC) + self._skew).isoformat()}
            if records is not None:
                body["records_processed"] = records
            answer = await self._until_answered("/status-update/", body)
            self._note(run_id, stage, status, answer)
            if self._rng.random() < 0.3:
                again = await self._until_answered("/status-update/", body)
                if again.json() != answer.json():
                    self.ledger.broken.append(f"run {run_id}: {body['event_id']} was answered {answer.text}, then {again.text}")
            await asyncio.sleep(self._rng.uniform(0, 0.2))

    def _note(self, run_id: int, stage: str, status: str, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            self.ledger.broken.append(f"run {run_id}: {stage} {status} was refused: {answer.text}")
            return
        said = answer.json()
        if not said["applied"]:
            self.ledger.broken.append(f"run {run_id}: {stage} {status} was not applied: {answer.text}")
        self.ledger.reports.append(AcknowledgedReport(run_id, stage, status, said["applied"], said["seq"]))

    async def _until_answered(self, path: str, body: dict[str, Any], seconds: float = 90.0) -> httpx.Response:
        """Send the same request to random webs until one answers with another status than 503."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = await self._http.post(self._rng.choice(self._urls) + path, json=body)
                if answer.status_code != 503:
                    return answer
            except httpx.HTTPError as error:
                assert time.monotonic() < deadline, f"{path}: {error!r}"
            assert time.monotonic() < deadline, path
            await asyncio.sleep(self._rng.uniform(0.05, 0.3))
