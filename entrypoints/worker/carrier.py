"""The one control loop that carries a burst: start what is ready, report how it ended, ask, repeat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from application.ports.links import Claim, Start
from entrypoints.worker.attempt import Attempt, Bench
from entrypoints.worker.endings import Interruption, without_output
from entrypoints.worker.link import Refused
from entrypoints.worker.slots import Slots
from entrypoints.worker.tracing import BurstTrace
from entrypoints.worker.wire import BODY_LIMIT, Advanced, BurstKey, Held, StageReport, Step, encoded

log = logging.getLogger("headgate.worker")

_REPORTS_AT_ONCE: Final = 100
_NOTHING_TO_DO: Final = 0.2
"""Seconds before asking again about a burst that has neither ended nor anything to run: the web should not leave one so."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a burst ended here: the newest report of each stage it ran. `refused`: another carries on."""

    reports: Sequence[StageReport]
    stopped: bool
    refused: bool
    forgiven: frozenset[str] = frozenset()
    """Stages with `allow_failure`."""


async def _at_once() -> None:
    return


class Carrier:
    """Carries one burst. Told from outside what happens to its run; ends when the web says that the burst has ended."""

    def __init__(self, claim: Claim, bench: Bench, slots: Slots) -> None:
        self.claim = claim
        self.key: BurstKey = (claim.run_id, claim.epoch)
        self.trace = BurstTrace(bench.telemetry, claim)
        self._bench, self._slots = bench, slots
        self._running: dict[Held, Attempt] = {}
        self._all: dict[Held, Attempt] = {}
        self._unreported: list[StageReport] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._more = claim.more
        self._asked = self._stopped = self._leaving = self._stepping = self._refused = self._over = False
        self._begun: asyncio.Queue[Attempt | None] = asyncio.Queue()
        self.lease_is_sure: Callable[[], Awaitable[None]] = _at_once
        """Waited for before each step: what a step starts would be ended at once while nobody knows whether the burst is still ours."""

    @property
    def holding(self) -> list[Held]:
        """Attempts whose end was not answered yet."""
        return [*self._running, *((report.stage, report.attempt) for report in self._unreported)]

    async def carry(self) -> Outcome:
        """Carry the burst to its end. Its output may still be on its way then: see `shipped`."""
        with self.trace.carrying() as span:
            outcome = await self._carry()
            span.tag(stages=len(outcome.reports), stopped=outcome.stopped or None, refused=outcome.refused or None)
        return outcome

    async def _carry(self) -> Outcome:
        self._slots.wake_when_free(self._news)
        try:
            self._begin(self.claim.starts)
            while not self._over:
                await self._until_news()
                await self.lease_is_sure()
                if not self._over:
                    await self._step()
            await self._say_late_words()
        finally:
            self._slots.forget(self._news)
            self._begun.put_nowait(None)
            await self._kill_rest()
        return self._outcome()

    async def attempts(self) -> AsyncIterator[Attempt]:
        """Each attempt as it begins, for one observer; ends with the burst."""
        while (attempt := await self._begun.get()) is not None:
            yield attempt

    async def shipped(self) -> None:
        """Wait until all output is with Headgate."""
        await asyncio.gather(*(attempt.shipped() for attempt in self._all.values()), return_exceptions=True)

    def drop_output(self) -> None:
        """Send no more output, whatever is left of it."""
        for attempt in self._all.values():
            attempt.drop_output()

    # -- told from outside ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The run is to stop: end what runs."""
        if not self._stopped:
            self._stopped = True
            self._interrupt_all(Interruption.STOPPED)
            self._news.set()

    def wake(self) -> None:
        """Something became startable: ask."""
        self._asked = True
        self._news.set()

    def refuse(self) -> None:
        """The burst is not this worker's any more: kill what runs, and say no more than what had ended before.

        A step under way may be what ended it: then its answer tells whether it ended well.
        """
        self._interrupt_all(Interruption.REFUSED)
        if not self._stepping:
            self._refused = self._over = True
        self._news.set()

    def leave(self) -> None:
        """Start nothing more: what runs goes on, the rest is handed back."""
        self._leaving = True
        self._news.set()

    def interrupt(self, why: Interruption, *, only_retryable: bool = False) -> None:
        """End what runs, and report it as failed for that reason."""
        for attempt in list(self._running.values()):
            if attempt.retry_on_loss or not only_retryable:
                attempt.interrupt(why)

    # -- the loop ---------------------------------------------------------------------------------------------------

    async def _until_news(self) -> None:
        while not (self._over or self._has_something_to_say()):
            self._news.clear()
            await self._news.wait()

    def _has_something_to_say(self) -> bool:
        if self._unreported or self._asked:
            return True
        if self._leaving or self._stopped or not self._more:
            return not self._running
        return self._slots.free > 0

    async def _step(self) -> None:
        reports = self._unreported[:_REPORTS_AT_ONCE]
        if sum(len(encoded(report.as_json())) for report in reports) > BODY_LIMIT:
            reports = reports[:1]
        # An ended attempt's slot stays with its burst, so that a sequence never queues behind others for its own next stage.
        reserved = len(reports) + self._slots.take_free(0 if self._leaving or self._stopped else self._startable)
        self._asked, self._stepping = False, True
        self._bench.lull.stir()
        self._slots.asking += 1
        try:
            answer = await self._advance(reports, reserved)
            # Fewer than there was room for: the run's `parallelism` is what holds the rest, so only an end of its own brings more.
            self._more = answer.more and len(answer.starts) >= reserved
            self._take(answer, reports)
        finally:
            self._stepping = False
            self._slots.asking -= 1
            self._slots.give_back(reserved)
        if not (self._over or self._running or self._unreported or self._more):
            await asyncio.sleep(_NOTHING_TO_DO)

    @property
    def _startable(self) -> int:
        """No more than this many of the run's stages can start now, as far as is known here."""
        known = {stage for stage, _ in self._all}
        return len([stage for stage in self.claim.stages if stage not in known]) or int(self._more or self._asked)

    async def _advance(self, reports: Sequence[StageReport], reserved: int) -> Advanced:
        capacity = 0 if self._leaving else reserved
        free = self._slots.offer(reserved)
        step = Step(capacity, free, self._slots.received, self.holding, reports, self._leaving)
        try:
            answer = await self._send(step)
        except Refused as refusal:
            # An output that the web finds wrong must not hold up the run for ever.
            log.warning("Run %s: a report was refused: %s", self.key[0], refusal)
            plain = [without_output(report, f"The output was refused: {refusal}") for report in reports]
            answer = await self._send_or_give_up(Step(capacity, free, step.received, step.holding, plain, self._leaving))
        self._slots.told = free - len(answer.starts)
        return answer

    async def _send(self, step: Step) -> Advanced:
        return await self._bench.link.advance(self.key, step.body(self._bench.link.identity.id), self.trace.context)

    async def _send_or_give_up(self, step: Step) -> Advanced:
        try:
            return await self._send(step)
        except Refused as refusal:
            log.error("Run %s: given up, its lease will run out: %s", self.key[0], refusal)
            return Advanced(refused=True)

    async def _say_late_words(self) -> None:
        """Tell what ended before the burst was known to be another's: it changes nothing, and the history shows it."""
        if self._refused and self._unreported:
            reports = self._unreported[:_REPORTS_AT_ONCE]
            await self._send_or_give_up(Step(0, self._slots.offer(), self._slots.received, self.holding, reports, True))

    def _take(self, answer: Advanced, reports: Sequence[StageReport]) -> None:
        del self._unreported[: len(reports)]
        self._refused = self._refused or answer.refused
        if self._refused:
            self._over = True
            return
        for held in answer.kill:
            if held in self._running:
                self._running[held].interrupt(Interruption.REFUSED)
        for held in answer.cancel:
            if held in self._running:
                self._running[held].interrupt(Interruption.STOPPED)
        self._begin(answer.starts)
        if answer.stop:
            self.stop()
        self._over = self._over or answer.ended

    def _begin(self, starts: Sequence[Start]) -> None:
        """Start each attempt that was not started here before; all of them are `running` in the store already."""
        for start in starts:
            if (start.stage, start.attempt) not in self._all:
                self._bench.lull.stir()
                attempt = Attempt(self.claim, start, self._bench, self.trace)
                self._all[attempt.held] = self._running[attempt.held] = attempt
                self._slots.take(1)
                task = asyncio.create_task(self._see_through(attempt))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                self._begun.put_nowait(attempt)
                if self._stopped:
                    attempt.interrupt(Interruption.STOPPED)

    async def _see_through(self, attempt: Attempt) -> None:
        report = await attempt.run()
        del self._running[attempt.held]
        if report is None:
            self._slots.give_back(1)
        else:
            self._unreported.append(report)
        self._news.set()

    def _interrupt_all(self, why: Interruption) -> None:
        for attempt in list(self._running.values()):
            attempt.interrupt(why)

    async def _kill_rest(self) -> None:
        """Nothing of a burst outlives it here."""
        self._interrupt_all(Interruption.REFUSED)
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._slots.give_back(len(self._unreported))
        self._unreported.clear()

    def _outcome(self) -> Outcome:
        newest = {stage: attempt for (stage, _), attempt in self._all.items()}
        reports = [report for attempt in newest.values() if (report := attempt.ended.result()) is not None]
        forgiven = frozenset(stage for stage, attempt in newest.items() if attempt.allow_failure)
        return Outcome(reports, self._stopped, self._refused, forgiven)
