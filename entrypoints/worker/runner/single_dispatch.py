"""Runs one dispatch in a process that exists for it alone."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from entrypoints.worker_protocol.messages import DispatchKey


@contextlib.asynccontextmanager
async def run_single_dispatch(
    key: DispatchKey, context: StageContext, slots: Slots, timings: WorkerTimings
) -> AsyncIterator[tuple[RunExecutor, asyncio.Future[DispatchResult]]]:
    """Claim the dispatch and execute it while the context is open. Raises RequestRejected if it cannot be claimed.

    The end of the context waits for the dispatch; an exception in it ends running attempts.
    """
    claim = await context.api.claim(key, slots.free)
    context.api.identity = dataclasses.replace(context.api.identity, pool=claim.pool)
    worker = Worker(context, slots, timings)
    executor, result = worker.start_dispatch(claim)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield executor, result
        await worker.wait_until_idle()
    finally:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)
