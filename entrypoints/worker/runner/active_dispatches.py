"""The dispatches that this worker executes now."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, Protocol

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun
from entrypoints.worker.runner.attempt_results import Interruption
from entrypoints.worker.runner.leases import LeaseMonitor
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker_protocol.messages import AttemptKey, DispatchKey

log = logging.getLogger("headgate.worker")

_SEEN_LIMIT: Final = 10_000


class DispatchRecorder(Protocol):
    """Shows dispatches in another system. It may be slow or unavailable, and never delays a dispatch."""

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        """Show this dispatch. Returns at once and never raises."""
        ...

    async def wait(self, seconds: float) -> bool:
        """Wait until all dispatches are shown to their end, at most that long. Return whether they are."""
        ...


class ActiveDispatches:
    """Starts an executor for each claim, once, and passes on what happens to its run."""

    def __init__(self, context: StageContext, slots: Slots, leases: LeaseMonitor) -> None:
        self._context, self._slots, self._leases = context, slots, leases
        self._recorder: DispatchRecorder | None = None
        self._executors: dict[DispatchKey, RunExecutor] = {}
        self._results: dict[DispatchKey, asyncio.Future[DispatchResult]] = {}
        self._seen: OrderedDict[DispatchKey, None] = OrderedDict()
        self._is_draining = False
        self.tasks: dict[asyncio.Task[None], None] = {}

    @property
    def executors(self) -> list[RunExecutor]:
        return list(self._executors.values())

    def get_held_attempts(self) -> list[tuple[DispatchKey, Sequence[AttemptKey]]]:
        """Return each dispatch with the attempts whose result Headgate has not confirmed yet."""
        return [(executor.key, executor.holding) for executor in self.executors]

    def start(self, claim: Claim) -> tuple[RunExecutor, asyncio.Future[DispatchResult]]:
        """Start to execute a claimed dispatch; return its executor and its future result."""
        key = (claim.run_id, claim.epoch)
        self._mark_seen(key)
        result: asyncio.Future[DispatchResult] = asyncio.get_running_loop().create_future()
        executor = self._executors[key] = RunExecutor(claim, self._context, self._slots)
        self._leases.add(key)
        executor.wait_for_lease = partial(self._leases.wait_until_fresh, key)
        if self._is_draining:
            executor.drain()
        self._spawn(self._execute(executor, result))
        return executor, result

    def start_if_new(self, claim: Claim) -> None:
        """Start a claim, unless it was received before."""
        if self._is_new((claim.run_id, claim.epoch)):
            self.start(claim)

    def set_recorder(self, recorder: DispatchRecorder | None) -> None:
        """Have active and later dispatches shown by this recorder; None ends that."""
        self._recorder = recorder
        if recorder is not None:
            for key, result in self._results.items():
                recorder.record(self._executors[key], result)

    async def wait_until_recorded(self, seconds: float) -> bool:
        """Wait until the recorder is done, at most that long. Return whether it is."""
        return self._recorder is None or await self._recorder.wait(seconds)

    def apply(self, message: StopRun | WakeRun) -> None:
        """Pass a stop or a wake-up on to the dispatches of its run."""
        act: Callable[[RunExecutor], None] = RunExecutor.stop if isinstance(message, StopRun) else RunExecutor.wake
        for executor in self.executors:
            if executor.key[0] == message.run_id:
                act(executor)

    def revoke(self, key: DispatchKey) -> None:
        """Kill a dispatch that Headgate says is no longer this worker's."""
        if (executor := self._executors.get(key)) is not None:
            executor.revoke()
            self._leases.remove(key)

    def interrupt_overdue(self, key: DispatchKey) -> None:
        """End the attempts that another one may follow once the lease expires; the others run on until they are revoked."""
        self._executors[key].interrupt_before_lease_ends(self._leases.grace)

    def interrupt_all(self, why: Interruption) -> None:
        for executor in self.executors:
            executor.interrupt(why)

    def drain(self) -> None:
        """Let running attempts finish and start no more, in active and later dispatches."""
        self._is_draining = True
        for executor in self.executors:
            executor.drain()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until all started dispatches are over and their output is stored, at most that long."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)

    def _is_new(self, key: DispatchKey) -> bool:
        return key not in self._seen

    async def _execute(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        execution = asyncio.create_task(executor.execute())
        self._results[executor.key] = result
        if self._recorder is not None:
            asyncio.get_running_loop().call_soon(self._recorder.record, executor, result)
        try:
            result.set_result(await execution)
            self._discard(executor)
            await executor.wait_until_shipped()
        except Exception:
            log.exception("Run %s: its dispatch failed", executor.key[0])
        finally:
            result.cancel()
            self._discard(executor)
            executor.discard_output()

    def _discard(self, executor: RunExecutor) -> None:
        self._executors.pop(executor.key, None)
        self._leases.remove(executor.key)
        self._results.pop(executor.key, None)

    def _mark_seen(self, key: DispatchKey) -> None:
        self._seen[key] = None
        if len(self._seen) > _SEEN_LIMIT:
            self._seen.popitem(last=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None))
