"""A worker's life in Prefect, tried again for as long as the process lives: registered, recording, hearing of cancels."""

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
from entrypoints.worker.runner.worker import Worker

log = logging.getLogger("headgate.prefect")

_CANCEL_EVENTS: Final = ["prefect.flow-run.Cancelling", "prefect.flow-run.Cancelled"]
_LONGEST_PAUSE: Final = 10.0


async def run_integration(settings: Settings, worker: Worker, api: ApiClient) -> None:
    """Until cancelled. Dispatches that were over before Prefect answered are the outbox's."""
    # A stage that fails is Headgate's to tell of; these would print it again, without its run.
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    rest = PrefectOrchestrator(settings.prefect_api_url or "", settings.prefect_api_auth_string)
    recorder = PrefectRecorder(rest, api, worker.idle_window)
    try:
        await _until_prefect_answers(rest)
        async with AsyncClientContext():
            worker.set_recorder(recorder)
            await asyncio.gather(
                _run_forever("worker", lambda: _run_prefect_worker(settings, rest)),
                _run_forever("cancels", lambda: _forward_cancels(api)),
            )
    finally:
        worker.set_recorder(None)
        await recorder.close()
        await rest.close()


async def _until_prefect_answers(rest: PrefectOrchestrator) -> None:
    pause = 0.5
    while not await rest.is_healthy():
        await asyncio.sleep(pause)
        pause = min(2.0, 1.5 * pause)


async def _run_prefect_worker(settings: Settings, rest: PrefectOrchestrator) -> None:
    """Heartbeat in the pool, which is made first when it is missing."""
    await rest.ensure_pool(settings.pool, HEADGATE_POOL_TYPE)
    name = settings.worker_name.replace("/", "-").replace("%", "-")
    await HeadgateWorker(work_pool_name=settings.pool, name=name).start(printer=lambda *_: None)


async def _forward_cancels(api: ApiClient) -> None:
    """Pass on every cancel made in Prefect's own page; Headgate knows which are its flow runs."""
    async with get_events_subscriber(filter=EventFilter(event=EventNameFilter(name=_CANCEL_EVENTS)), reconnection_attempts=0) as events:
        async for event in events:
            flow_run_id = event.resource.id.rpartition(".")[2]
            try:
                await api.report_prefect_cancel(flow_run_id)
            except RequestRejected as rejection:
                log.warning("A cancel of flow run %s was refused: %s", flow_run_id, rejection)


async def _run_forever(what: str, run: Callable[[], Awaitable[Any]]) -> None:
    """Prefect may restart at any time: begin again, with growing pauses while it stays away."""
    pause = 1.0
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await run()
        except (httpx.HTTPError, Unavailable, OSError) as error:
            log.info("Prefect (%s): %r", what, error)
        except Exception as error:  # Prefect's clients raise much; none of it may end the worker
            log.warning("Prefect (%s): %r", what, error)
        lasted = asyncio.get_running_loop().time() - began
        pause = 1.0 if lasted > 30 else min(_LONGEST_PAUSE, 2 * pause)
        await asyncio.sleep(pause)
