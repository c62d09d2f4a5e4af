"""A round: start some runs, cause a fault at a random moment, repair everything, check every invariant."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos.checker import Checker, Findings
from tests.chaos.event_viewer import Viewer
from tests.chaos.faults import Fault, FaultContext
from tests.chaos.load_driver import Driver
from tests.chaos.pipelines import NAMES
from tests.chaos.stack import Stack

FINISH_SECONDS = 120.0
"""Every run must finish within this time after the repair, and its requests be answered within it, through the longest fault."""


@dataclass(slots=True)
class Tally:
    """The results of one fault over all its rounds."""

    points: int = 0
    runs: int = 0
    acknowledged: int = 0
    findings: Findings = field(default_factory=Findings)
    statuses: Counter[str] = field(default_factory=Counter)

    def format_line(self, name: str) -> str:
        found = self.findings
        counts = (len(found.lost), len(found.stuck), len(found.doubled), len(found.wrong))
        numbers = "".join(f"{number:>9}" for number in (self.points, self.runs, self.acknowledged, *counts))
        return f"{name:<30}{numbers}   " + " ".join(f"{status} {count}" for status, count in self.statuses.most_common())


HEADER = (
    f"{'fault':<30}" + "".join(f"{word:>9}" for word in ("points", "runs", "acked", "lost", "stuck", "doubled", "wrong")) + "   statuses"
)


class ChaosHarness:
    """A stack with a load driver, viewers and a checker."""

    def __init__(self, stack: Stack, rng: random.Random, skew: timedelta = timedelta()) -> None:
        self.stack, self.rng = stack, rng
        self.driver = Driver(stack.urls, rng, skew)
        self.viewers = [Viewer(stack.urls, index) for index in range(len(stack.urls))]
        self.checker = Checker(stack, self.driver.ledger, self.viewers)

    async def run_round(self, fault: Fault, runs: int = 4) -> Tally:
        """Cause the fault once while `runs` runs are triggered before and during it."""
        after, acknowledged_before = self.checker.get_newest_run_id(), self.driver.ledger.acknowledged
        load = [asyncio.create_task(self._run_later(fault, index, runs)) for index in range(runs)]
        tally = Tally(points=1)
        try:
            await asyncio.sleep(self.rng.uniform(0.3, 1.3))
            await fault.strike(FaultContext(self.stack, self.rng))
            await asyncio.to_thread(self.stack.wait_until_ready)
        finally:
            answers = await asyncio.gather(*load, return_exceptions=True)
        await self._check_round(tally, fault, after, [answer for answer in answers if isinstance(answer, BaseException)])
        tally.acknowledged = self.driver.ledger.acknowledged - acknowledged_before
        return tally

    async def run_flood(self, runs: int, fault: Fault, interval: tuple[float, float], pace: float = 0.1) -> Tally:
        """Trigger many runs, one every `pace` seconds, while the fault is caused repeatedly."""
        after, acknowledged_before, tally = self.checker.get_newest_run_id(), self.driver.ledger.acknowledged, Tally()
        load = asyncio.create_task(self._many(runs, pace))
        scene = FaultContext(self.stack, self.rng)
        while not load.done():
            await asyncio.wait({load}, timeout=self.rng.uniform(*interval))
            await fault.strike(scene)
            tally.points += 1
        await asyncio.to_thread(self.stack.wait_until_ready)
        await self._check_round(tally, fault, after, load.result())
        tally.acknowledged = self.driver.ledger.acknowledged - acknowledged_before
        return tally

    async def _check_round(self, tally: Tally, fault: Fault, after: int, unanswered: Sequence[BaseException]) -> None:
        """Wait until every run has finished, and check all of them. Called after the repair."""
        tally.findings.stuck += [f"the driver was not answered: {error!r}" for error in unanswered]
        for run_id, pipeline in self.checker.find_unacknowledged_runs(after):
            await self.driver.report_all(run_id, pipeline)
        tally.findings.stuck += await self.checker.wait_for_runs(after, FINISH_SECONDS)
        tally.findings.add(await self.checker.check(after, fault.expected))
        tally.statuses = self.checker.count_statuses(after)
        tally.runs = tally.statuses.total()

    async def _run_later(self, fault: Fault, index: int, runs: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.4) if 2 * index < runs else self.rng.uniform(0.4, 2.0))
        await self.driver.run(self.rng.choice(fault.pipelines or NAMES), FINISH_SECONDS)

    async def _many(self, runs: int, pace: float) -> list[BaseException]:
        tasks = []
        for _ in range(runs):
            tasks.append(asyncio.create_task(self.driver.run(self.rng.choice(NAMES), FINISH_SECONDS)))
            await asyncio.sleep(pace)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, BaseException)]


@contextlib.asynccontextmanager
async def chaos_harness(stack: Stack, rng: random.Random, skew: timedelta = timedelta()) -> AsyncIterator[ChaosHarness]:
    """Yield a harness whose viewers are connected, for a stack with its pipelines created."""
    harness = ChaosHarness(stack, rng, skew)
    try:
        for viewer in harness.viewers:
            await viewer.start()
        yield harness
    finally:
        for viewer in harness.viewers:
            await viewer.close()
        await harness.driver.close()


def format_elapsed(started: float) -> str:
    return f"{time.monotonic() - started:6.0f}s"
