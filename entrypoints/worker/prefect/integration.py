"""Connects a worker to Prefect: registers it, shows its dispatches, and forwards cancels. Retries as long as the process runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
from prefect.context import AsyncClientContext
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

from adapters.orchestration.prefect_orchestrator import HEADGATE_POOL_TYPE, PrefectOrchestrator
from domain.errors import Unavailable
from entrypoints.settings import Settings
from entrypoints.worker.client.api_client import ApiClient, RequestRejected
from entrypoints.worker.prefect.prefect_worker import HeadgateWorker
from entrypoints.worker.prefect.recorder import PrefectRecorder
from entrypoints.worker.prefect.server_wait import wait_until_healthy
from entrypoints.worker.runner.worker import Worker

log = logging.getLogger("headgate.prefect")

_CANCEL_EVENTS: Final = ["prefect.flow-run.Cancelling", "prefect.flow-run.Cancelled"]
_LONGEST_PAUSE: Final = 10.0


async def run_integration(settings: Settings, worker: Worker, api: ApiClient) -> None:
    """Run until cancelled. The outbox records dispatches that end before Prefect is available."""
    # Headgate logs failed stages itself; these loggers would repeat them without their run.
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    prefect = PrefectOrchestrator(settings.prefect_api_url or "", settings.prefect_api_auth_string)
    recorder = PrefectRecorder(prefect, api, worker.idle_window)
    try:
        await wait_until_healthy(prefect)  # the server may have stopped during the import of this module
        async with AsyncClientContext():
            worker.set_recorder(recorder)
            await asyncio.gather(
                _run_forever("worker", lambda: _run_prefect_worker(settings, prefect)),
                _run_forever("cancels", lambda: _forward_cancels(api)),
            )
    finally:
        worker.set_recorder(None)
        await recorder.close()
        await prefect.close()


async def _run_prefect_worker(settings: Settings, prefect: PrefectOrchestrator) -> None:
    """Create the pool if it is missing, and send heartbeats to it."""
    await prefect.ensure_pool(settings.pool, HEADGATE_POOL_TYPE)
    name = settings.worker_name.replace("/", "-").replace("%", "-")
    await HeadgateWorker(work_pool_name=settings.pool, name=name).start(printer=lambda *_: None)


async def _forward_cancels(api: ApiClient) -> None:
    """Forward every cancel that a person makes in Prefect. Headgate knows which flow runs are its own."""
    async with get_events_subscriber(filter=EventFilter(event=EventNameFilter(name=_CANCEL_EVENTS)), reconnection_attempts=0) as events:
        async for event in events:
            flow_run_id = event.resource.id.rpartition(".")[2]
            try:
                await api.report_prefect_cancel(flow_run_id)
            except RequestRejected as rejection:
                log.warning("Headgate rejected the cancel of flow run %s: %s", flow_run_id, rejection)


async def _run_forever(name: str, run: Callable[[], Awaitable[Any]]) -> None:
    """Run again whenever it ends, because Prefect may restart at any time. Pauses grow while Prefect is unavailable."""
    pause = 1.0
    while True:
        started_at = asyncio.get_running_loop().time()
        try:
            await run()
        except (httpx.HTTPError, Unavailable, OSError) as error:
            log.info("Prefect (%s): %r", name, error)
        except Exception as error:  # Prefect's clients raise many errors; none may end the worker
            log.warning("Prefect (%s): %r", name, error)
        lasted = asyncio.get_running_loop().time() - started_at
        pause = 1.0 if lasted > 30 else min(_LONGEST_PAUSE, 2 * pause)
        await asyncio.sleep(pause)
