"""A worker process's life: hear what it is given, carry it, say that it lives, leave in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import httpx

from application.ports.links import Claim, Message, Stop, Wake
from entrypoints.worker.attempt import Bench
from entrypoints.worker.carrier import Carrier, Outcome
from entrypoints.worker.endings import Interruption
from entrypoints.worker.link import Refused
from entrypoints.worker.lull import Lull
from entrypoints.worker.slots import Slots
from entrypoints.worker.wire import BurstKey, HeartbeatAnswer

log = logging.getLogger("headgate.worker")

_REMEMBERED: Final = 10_000
_ASK_EVERY: Final = 1.0
_SETTLING: Final = 0.02
_LAST_CLAIMS: Final = 0.1
"""Seconds after the word that we leave in which a claim that was on its way arrives."""
_GOODBYE: Final = 1.0
_UNSURE: Final = 0.2
"""Seconds between looks whether a lease that is overdue was renewed."""
_LAST_SHARE: Final = 0.75
"""Of the lease: when it was not renewed for that long, what may be tried again is ended before another worker tries it."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """In seconds. `drain` is how long a leaving worker lets stages finish."""

    heartbeat: float = 5.0
    lease: float = 20.0
    drain: float = 20.0


class Recorder(Protocol):
    """Shows bursts elsewhere, beside: it may be slow or absent, and never holds one up."""

    def record(self, carrier: Carrier, outcome: asyncio.Future[Outcome]) -> None:
        """Show this burst; returns at once, never raises."""
        ...


class Worker:
    """Carries whatever bursts the web gives it, as many stages at a time as it has slots."""

    def __init__(self, bench: Bench, slots: Slots, rhythm: Rhythm) -> None:
        self._recorder: Recorder | None = None
        self._bench, self._link, self._slots, self._rhythm = bench, bench.link, slots, rhythm
        self._carriers: dict[BurstKey, Carrier] = {}
        self._outcomes: dict[BurstKey, asyncio.Future[Outcome]] = {}
        self._renewed: dict[BurstKey, float] = {}
        self._seen: OrderedDict[BurstKey, None] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._leaving = False
        self._beat_now, self._obeyed = asyncio.Event(), asyncio.Event()
        self.linked = asyncio.Event()
        slots.on_change = self._slots_changed
        self._settling: asyncio.TimerHandle | None = None

    @property
    def lull(self) -> Lull:
        return self._bench.lull

    @property
    def carriers(self) -> list[Carrier]:
        return list(self._carriers.values())

    async def run(self, leave: asyncio.Event) -> None:
        """Work until told to leave, then drain: finish what runs, hand back the rest, end what takes too long."""
        stream = asyncio.create_task(self._follow_stream())
        others = [asyncio.create_task(self._beat()), asyncio.create_task(self._watch_leases())]
        try:
            await _first({asyncio.create_task(leave.wait()), stream, *others})
            await self._refuse_work(stream)
            await self._drain()
        finally:
            for task in (stream, *others, *self._tasks):
                await _cancelled(task)
            with contextlib.suppress(httpx.HTTPError, Refused):
                await self._link.leave()

    def hurry(self, why: Interruption = Interruption.LEAVING) -> None:
        """End everything that runs now."""
        for carrier in self.carriers:
            carrier.interrupt(why)

    def take(self, claim: Claim) -> tuple[Carrier, asyncio.Future[Outcome]]:
        """Carry a burst that is new here, and say what carries it and how that ends."""
        key = (claim.run_id, claim.epoch)
        self._remember(key)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        carrier = self._carriers[key] = Carrier(claim, self._bench, self._slots)
        self._renewed[key] = time.monotonic()
        carrier.lease_is_sure = partial(self._lease_is_sure, key)
        if self._leaving:
            carrier.leave()
        self._spawn(self._carry(carrier, outcome))
        return carrier, outcome

    def record_with(self, recorder: Recorder | None) -> None:
        """Have every burst shown from now on, those under way too; or none any more."""
        self._recorder = recorder
        if recorder is not None:
            for key, outcome in self._outcomes.items():
                recorder.record(self._carriers[key], outcome)

    async def idle(self) -> None:
        """Wait until every burst taken so far is over and its output with Headgate."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _take_new(self, claim: Claim) -> None:
        if (claim.run_id, claim.epoch) not in self._seen:
            self.take(claim)

    async def _carry(self, carrier: Carrier, outcome: asyncio.Future[Outcome]) -> None:
        carrying = asyncio.create_task(carrier.carry())
        self._outcomes[carrier.key] = outcome
        if self._recorder is not None:
            asyncio.get_running_loop().call_soon(self._recorder.record, carrier, outcome)
        try:
            outcome.set_result(await carrying)
            self._forget(carrier)
            await carrier.shipped()
        except Exception:
            log.exception("Run %s: its burst could not be carried on", carrier.key[0])
        finally:
            outcome.cancel()
            self._forget(carrier)
            carrier.drop_output()

    def _forget(self, carrier: Carrier) -> None:
        self._carriers.pop(carrier.key, None)
        self._renewed.pop(carrier.key, None)
        self._outcomes.pop(carrier.key, None)

    def _remember(self, key: BurstKey) -> None:
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the stream -------------------------------------------------------------------------------------------------

    async def _follow_stream(self) -> None:
        pause = 0.1
        while True:
            try:
                async for message in self._link.messages(self._slots.offer()):
                    pause = 0.1
                    self._hear(message)
            except (httpx.HTTPError, Refused, ValueError) as error:
                self._link.reach.failed(error)
            self._slots.received = None
            self.linked.clear()
            self._beat_now.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _hear(self, message: Message | None) -> None:
        match message:
            case Claim():
                self._slots.received = (self._slots.received or 0) + 1
                self._slots.told -= len(message.starts)
                self._take_new(message)
            case Stop(run_id):
                self._each_of(run_id, Carrier.stop)
            case Wake(run_id):
                self._each_of(run_id, Carrier.wake)
            case None:
                self._slots.received = 0
                self.linked.set()
                self._beat_now.set()

    def _each_of(self, run_id: int, act: Callable[[Carrier], None]) -> None:
        for carrier in self.carriers:
            if carrier.key[0] == run_id:
                act(carrier)

    # -- heartbeats -------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            self._beat_now.clear()
            try:
                await self._beat_once()
            except (httpx.HTTPError, Refused, ValueError) as error:
                self._link.reach.failed(error)
                await asyncio.sleep(min(_ASK_EVERY, self._rhythm.heartbeat))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._beat_now.wait()

    async def _beat_once(self) -> None:
        began = time.monotonic()
        free = self._slots.offer()
        bursts = [(carrier.key, carrier.holding) for carrier in self.carriers]
        answer = await self._link.heartbeat(free, self._slots.received, self._slots.offered, bursts)
        self._slots.told = free
        self._obey(answer, began)

    def _pause(self) -> float:
        asks = self._slots.received is None and self._slots.offered
        return min(_ASK_EVERY, self._rhythm.heartbeat) if asks else self._rhythm.heartbeat

    def _obey(self, answer: HeartbeatAnswer, began: float) -> None:
        for key in answer.renewed:
            if key in self._renewed:
                self._renewed[key] = began
        for key in answer.refused:
            if (carrier := self._carriers.get(key)) is not None:
                carrier.refuse()
                self._renewed.pop(key, None)
        for run_id in answer.stop:
            self._each_of(run_id, Carrier.stop)
        for run_id in answer.wake:
            self._each_of(run_id, Carrier.wake)
        for claim in answer.claims:
            self._take_new(claim)
        self._obeyed.set()

    async def _lease_is_sure(self, key: BurstKey) -> None:
        """Return once the burst's lease was renewed in time, or the burst is not ours any more."""
        while key in self._renewed and self._is_overdue(key):
            self._obeyed.clear()
            self._beat_now.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UNSURE):
                    await self._obeyed.wait()
            if self._is_overdue(key):
                await asyncio.sleep(_UNSURE)

    def _is_overdue(self, key: BurstKey) -> bool:
        return self._renewed.get(key, math.inf) < time.monotonic() - self._rhythm.lease * _LAST_SHARE

    async def _watch_leases(self) -> None:
        """End in time what another worker may try again; the rest runs on until it is refused."""
        while True:
            await asyncio.sleep(self._rhythm.lease * _LAST_SHARE / 30)
            for key in self._renewed:
                if self._is_overdue(key):
                    self._carriers[key].interrupt(Interruption.UNRENEWED, only_retryable=True)

    def _slots_changed(self) -> None:
        """The web counts our slots between our words; tell it when it would go wrong, but not for every move."""
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(_SETTLING, self._slots_settled)

    def _slots_settled(self) -> None:
        self._settling = None
        if self._slots.received is not None and not self._slots.asking and self._slots.offer() != self._slots.told:
            self._beat_now.set()

    # -- leaving ----------------------------------------------------------------------------------------------------

    async def _refuse_work(self, stream: asyncio.Task[None]) -> None:
        """Take nothing new. What the web was giving us at that moment still comes, by the stream or as the answer to a heartbeat."""
        self._leaving, self._slots.offered = True, False
        for carrier in self.carriers:
            carrier.leave()
        if await self._heard_out():
            await asyncio.sleep(_LAST_CLAIMS)
        await _cancelled(stream)
        self._slots.received = None
        await self._heard_out()

    async def _heard_out(self) -> bool:
        """Say that no slot is free, and take what we were given without knowing; False when nobody answered."""
        try:
            async with asyncio.timeout(_GOODBYE):
                await self._beat_once()
        except (TimeoutError, httpx.HTTPError, Refused, ValueError) as error:
            log.info("Nobody heard that this worker leaves: %r", error)
            return False
        return True

    async def _drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._rhythm.drain)
        self.hurry()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._bench.grace + 3)


async def _first(tasks: set[asyncio.Task[Any]]) -> None:
    """Wait for the first of them; what it raised is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
