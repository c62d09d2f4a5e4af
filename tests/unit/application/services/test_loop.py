"""The loop of a background service: its passes, its pauses after errors, and its end when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from application.services.dispatch.local_wakeups import DispatchRequest, LocalWakeups
from application.services.loop import no_wait, run_service
from domain.errors import Unavailable
from tests.support.in_process import InProcessHeadgate

TURNS = 6
"""More turns of the event loop than a waiting service needs to notice its wake-up."""
WAKE_UPS: dict[str, Callable[[LocalWakeups], None]] = {
    "change_notifier": lambda wakeups: wakeups.pending_changes.set(),
    "dispatcher": lambda wakeups: wakeups.dispatch_requests.put_nowait(DispatchRequest(1, 1, "headgate")),
    "outbox_relay": lambda wakeups: wakeups.outbox.set(),
    "tick_service": lambda wakeups: wakeups.schedules.set(),
}


@dataclass
class Interrupted:
    """Work without an end, whose first cancellation is not seen by its caller: the work returns, or raises `error` instead."""

    error: Exception | None = None
    is_first: bool = True

    async def __call__(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self.is_first:
                raise
            self.is_first = False
            if self.error is not None:
                raise self.error from None


@dataclass
class AService:
    work: Callable[[], Awaitable[None]] = no_wait
    passes: int = 0
    errors: list[Exception] = field(default_factory=list)

    async def run_once(self) -> None:
        self.passes += 1
        await self.work()

    def report_error(self, _name: str, error: Exception) -> None:
        self.errors.append(error)


async def ends_when_cancelled(task: asyncio.Task[None]) -> bool:
    """Cancel the task once, and return whether it ends. A task that does not end is cancelled again."""
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2)
    task.cancel()
    await asyncio.wait({task})
    return bool(done)


@pytest.mark.parametrize("turns", range(TURNS))
@pytest.mark.parametrize("name", WAKE_UPS)
async def test_a_service_ends_when_it_is_cancelled_just_after_a_wake_up(name: str, turns: int) -> None:
    headgate = InProcessHeadgate()
    service = getattr(headgate.application, name)()
    task = asyncio.create_task(run_service(service, service.wait, AService().report_error))
    await asyncio.sleep(0.02)

    WAKE_UPS[name](headgate.application.wakeups())
    for _ in range(turns):
        await asyncio.sleep(0)

    assert await ends_when_cancelled(task)


@pytest.mark.parametrize("turns", range(TURNS))
@pytest.mark.parametrize("name", WAKE_UPS)
async def test_a_wait_for_a_wake_up_ends_when_it_is_cancelled_just_after_it(name: str, turns: int) -> None:
    headgate = InProcessHeadgate()
    service = getattr(headgate.application, name)()
    if name == "tick_service":
        await service.wait()  # the first one returns at once
    task = asyncio.create_task(service.wait())
    await asyncio.sleep(0.02)

    WAKE_UPS[name](headgate.application.wakeups())
    for _ in range(turns):
        await asyncio.sleep(0)
    is_over = task.done()
    task.cancel()
    await asyncio.wait({task})

    assert is_over or task.cancelled()


@pytest.mark.parametrize("error", [None, Unavailable("The connection is lost.")])
async def test_a_service_ends_even_if_its_pass_hides_the_cancellation(error: Exception | None) -> None:
    service = AService(Interrupted(error))
    task = asyncio.create_task(run_service(service, no_wait, service.report_error))
    await asyncio.sleep(0)

    has_ended = await ends_when_cancelled(task)

    assert (has_ended, service.passes, task.cancelled()) == (True, 1, True)


@pytest.mark.parametrize("error", [None, Unavailable("The connection is lost.")])
async def test_a_service_whose_wait_hides_the_cancellation_makes_no_further_pass(error: Exception | None) -> None:
    service = AService()
    task = asyncio.create_task(run_service(service, Interrupted(error), service.report_error))
    await asyncio.sleep(0)

    has_ended = await ends_when_cancelled(task)

    assert (has_ended, service.passes, task.cancelled()) == (True, 0, True)


async def test_an_error_of_a_pass_is_reported_and_the_next_pass_follows() -> None:
    service = AService()

    async def fail_first() -> None:
        if service.passes == 1:
            raise Unavailable("The database does not respond.")
        await asyncio.Event().wait()

    service.work = fail_first
    task = asyncio.create_task(run_service(service, no_wait, service.report_error))
    async with asyncio.timeout(20):
        while service.passes < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    assert [str(error) for error in service.errors] == ["The database does not respond."]
    assert await ends_when_cancelled(task)
