"""The life of a web process: connect to the database, run the background services, and close everything in order."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from typing import Any, Final

import structlog
from fastapi import FastAPI

from application.services.loop import Service, Wait, no_wait, run_service, wait_seconds
from application.services.maintenance.metrics_collector import COLLECT_INTERVAL_SECONDS
from application.services.maintenance.pause_ender import INTERVAL_SECONDS as PAUSE_INTERVAL_SECONDS
from domain.errors import Unavailable
from entrypoints.container import Application
from entrypoints.http.app import Lifespan
from entrypoints.http.example_pipelines import register_example_pipelines
from entrypoints.http.readiness import CONNECTING, EXAMPLES_PENDING
from entrypoints.settings import Settings

_RETRY_SECONDS: Final = 0.5
_GC_THRESHOLD: Final = 10_000
"""Allocations between two collections of the youngest generation. A batch of reports makes thousands of objects and hardly a cycle."""

log = structlog.get_logger("headgate.web")


def build_lifespan(application: Application, settings: Settings) -> Lifespan:
    """Return the lifespan of the ASGI application. Requests are answered while it still connects to the database."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.why_not_ready = CONNECTING
        background = asyncio.create_task(_run_background(app, application, settings))
        try:
            yield
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)
            await _close(application)

    return lifespan


async def _close(application: Application) -> None:
    """Answer what the batchers hold, then close the connections."""
    for batcher in (application.report_batcher(), application.advance_batcher(), application.trigger_batcher()):
        await batcher.drain()
    await application.adapters.orchestrator().close()
    for event_sink in application.adapters.event_sinks():
        await event_sink.close()
    if (provider := application.adapters.identity_provider()) is not None:
        await provider.close()
    await application.adapters.database().stop()


async def _run_background(app: FastAPI, application: Application, settings: Settings) -> None:
    """Connect, register the examples, then run the services. `app.state.why_not_ready` says what the process waits for."""
    await _connect(app, application)
    if settings.examples:
        app.state.why_not_ready = EXAMPLES_PENDING
        await _register_examples(application)
    app.state.why_not_ready = None
    _freeze_loaded_objects()
    async with asyncio.TaskGroup() as group:
        for service in _build_services(application):
            group.create_task(service)


async def _connect(app: FastAPI, application: Application) -> None:
    while True:
        try:
            await application.adapters.database().start()
            return
        except Unavailable as error:
            app.state.why_not_ready = replace(CONNECTING, sentence=str(error))
            await asyncio.sleep(_RETRY_SECONDS)


async def _register_examples(application: Application) -> None:
    while True:
        try:
            names = await register_example_pipelines(application.create_pipeline(), application.adapters.open_unit_of_work())
            break
        except Unavailable:
            await asyncio.sleep(_RETRY_SECONDS)
    if names:
        log.info("example pipelines registered", names=names)


def _freeze_loaded_objects() -> None:
    """Exclude the imported modules from garbage collection: they stay until the process ends."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 20)


def _build_services(application: Application) -> list[Coroutine[Any, Any, None]]:
    """Return the loop of every background service. Each runs in every web process; none needs a leader."""
    notifier, dispatcher, relay = application.change_notifier(), application.dispatcher(), application.outbox_relay()
    pruner, clock, ticks = application.retention_pruner(), application.adapters.database().clock, application.tick_service()
    deleter = application.pipeline_deleter()
    services: list[tuple[Service, Wait]] = [
        (clock, clock.wait),
        (notifier, notifier.wait),
        (application.feed_reader(), no_wait),
        (dispatcher, dispatcher.wait),
        (relay, relay.wait),
        (application.lease_sweeper(), wait_seconds(1.0)),
        (application.due_run_sweeper(), wait_seconds(0.25)),
        (application.pause_ender(), wait_seconds(PAUSE_INTERVAL_SECONDS)),
        (ticks, ticks.wait),
        (application.prefect_reconciler(), wait_seconds(5.0)),
        (pruner, pruner.wait),
        (deleter, deleter.wait),
        *((publisher, wait_seconds(1.0)) for publisher in application.lifecycle_publishers()),
    ]
    if application.telemetry().is_on:
        services.append((application.metrics_collector(), wait_seconds(COLLECT_INTERVAL_SECONDS)))
    return [run_service(service, wait, _log_service_error) for service, wait in services]


def _log_service_error(service: str, error: Exception) -> None:
    if isinstance(error, Unavailable):
        log.warning("service waits", service=service, why=str(error))
    else:
        log.error("service pass failed", service=service, exc_info=error)
