"""Shows the dispatches of a worker that has no access to Prefect: the web creates and ends their flow runs."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from entrypoints.worker.client.api_client import ApiClient, RequestRejected
from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor

log = logging.getLogger("headgate.prefect")

_MAX_REQUESTS: Final = 2
"""Requests at a time. Each costs Prefect's server as much as a small stage."""
_MAX_WAITING: Final = 500
"""Dispatches that may wait to be shown. The outbox records the others."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0


class WebRecorder:
    """Implements DispatchRecorder by requests to the web, which are sent whenever the worker is idle."""

    def __init__(self, api: ApiClient, idle_window: IdleWindow) -> None:
        self._api, self._idle_window = api, idle_window
        self._permits = asyncio.Semaphore(_MAX_REQUESTS)
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        if len(self._tasks) < _MAX_WAITING:
            task = asyncio.create_task(self._record(executor, result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def wait(self, seconds: float) -> bool:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        return not self._tasks

    async def _record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        try:
            if await self._create_flow_run(executor, result):
                await asyncio.wait({result})
                await self._send(executor)
        except RequestRejected as rejection:
            log.info("Run %s: Headgate does not record its dispatch in Prefect: %s", executor.key[0], rejection)
        except Exception:
            log.exception("Run %s: its worker cannot have it shown in Prefect", executor.key[0])

    async def _create_flow_run(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> bool:
        """Have the flow run created, with retries until the dispatch is over. Return whether it still has to be ended."""
        pause = _FIRST_PAUSE
        await self._idle_window.wait(self._idle_window.now())
        while True:
            is_over = result.done()
            is_recorded = await self._send(executor)
            if is_recorded or is_over:
                return not is_over
            await asyncio.wait({result}, timeout=pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _send(self, executor: RunExecutor) -> bool:
        async with self._permits:
            return await self._api.record_dispatch(executor.key, executor.trace.context)
