"""A round: some runs under way, one fault at a moment of its choosing, everything healed, every promise checked."""

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

OVER_SECONDS = 90.0
"""Within this long after everything was healed, every run is over."""


@dataclass(slots=True)
class Tally:
    """One kind of fault over all its rounds."""

    points: int = 0
    runs: int = 0
    acknowledged: int = 0
    findings: Findings = field(default_factory=Findings)
    endings: Counter[str] = field(default_factory=Counter)

    def line(self, name: str) -> str:
        found = self.findings
        counts = (len(found.lost), len(found.stuck), len(found.doubled), len(found.wrong))
        numbers = "".join(f"{number:>9}" for number in (self.points, self.runs, self.acknowledged, *counts))
        return f"{name:<30}{numbers}   " + " ".join(f"{status} {count}" for status, count in self.endings.most_common())


HEADER = (
    f"{'fault':<30}" + "".join(f"{word:>9}" for word in ("points", "runs", "acked", "lost", "stuck", "doubled", "wrong")) + "   endings"
)


class ChaosHarness:
    """A stack with its load, its viewers and its checker."""

    def __init__(self, stack: Stack, rng: random.Random, skew: timedelta = timedelta()) -> None:
        self.stack, self.rng = stack, rng
        self.driver = Driver(stack.urls, rng, skew)
        self.viewers = [Viewer(stack.urls, index) for index in range(len(stack.urls))]
        self.checker = Checker(stack, self.driver.ledger, self.viewers)

    async def round(self, fault: Fault, runs: int = 4) -> Tally:
        """Strike once while `runs` runs are triggered before and during it."""
        after, acked = self.checker.newest_run(), self.driver.ledger.acknowledged
        load = [asyncio.create_task(self._run_soon(fault, index, runs)) for index in range(runs)]
        tally = Tally(points=1)
        try:
            await asyncio.sleep(self.rng.uniform(0.3, 1.3))
            await fault.strike(FaultContext(self.stack, self.rng))
            await asyncio.to_thread(self.stack.wait_until_ready)
        finally:
            answers = await asyncio.gather(*load, return_exceptions=True)
        await self._check_round(tally, fault, after, [answer for answer in answers if isinstance(answer, BaseException)])
        tally.acknowledged = self.driver.ledger.acknowledged - acked
        return tally

    async def flood(self, runs: int, strikes: Fault, every: tuple[float, float], pace: float = 0.1) -> Tally:
        """Many runs, one each `pace` seconds, while the fault strikes again and again."""
        after, acked, tally = self.checker.newest_run(), self.driver.ledger.acknowledged, Tally()
        load = asyncio.create_task(self._many(runs, pace))
        scene = FaultContext(self.stack, self.rng)
        while not load.done():
            await asyncio.wait({load}, timeout=self.rng.uniform(*every))
            await strikes.strike(scene)
            tally.points += 1
        await asyncio.to_thread(self.stack.wait_until_ready)
        await self._check_round(tally, strikes, after, load.result())
        tally.acknowledged = self.driver.ledger.acknowledged - acked
        return tally

    async def _check_round(self, tally: Tally, fault: Fault, after: int, unanswered: Sequence[BaseException]) -> None:
        """Everything is healed: from here on nothing may stay open."""
        tally.findings.stuck += [f"the driver was not answered: {error!r}" for error in unanswered]
        for run_id, pipeline in self.checker.find_unacknowledged_runs(after):
            await self.driver.report_all(run_id, pipeline)
        tally.findings.stuck += await self.checker.wait_for_runs(after, OVER_SECONDS)
        tally.findings.add(await self.checker.check(after, fault.expected))
        tally.endings = self.checker.endings(after)
        tally.runs = tally.endings.total()

    async def _run_soon(self, fault: Fault, index: int, runs: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.4) if 2 * index < runs else self.rng.uniform(0.4, 2.0))
        await self.driver.run(self.rng.choice(fault.pipelines or NAMES), OVER_SECONDS)

    async def _many(self, runs: int, pace: float) -> list[BaseException]:
        tasks = []
        for _ in range(runs):
            tasks.append(asyncio.create_task(self.driver.run(self.rng.choice(NAMES), OVER_SECONDS)))
            await asyncio.sleep(pace)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, BaseException)]


@contextlib.asynccontextmanager
async def chaos_harness(stack: Stack, rng: random.Random, skew: timedelta = timedelta()) -> AsyncIterator[ChaosHarness]:
    """A stack that has its pipelines, with viewers watching."""
    harness = ChaosHarness(stack, rng, skew)
    try:
        for viewer in harness.viewers:
            await viewer.start()
        yield harness
    finally:
        for viewer in harness.viewers:
            await viewer.close()
        await harness.driver.close()


def since(began: float) -> str:
    return f"{time.monotonic() - began:6.0f}s"
