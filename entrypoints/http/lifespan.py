"""The life of a web process: connect to the database, run the background services, and close everything in order."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI

from application.services.deliveries.drill_service import INTERVAL_SECONDS as DRILL_INTERVAL_SECONDS
from application.services.loop import Service, Wait, no_wait, run_service, wait_seconds
from application.services.maintenance.metrics_collector import COLLECT_INTERVAL_SECONDS
from application.services.maintenance.pause_ender import INTERVAL_SECONDS as PAUSE_INTERVAL_SECONDS
from application.services.maintenance.settings_reencrypter import INTERVAL_SECONDS as REENCRYPT_INTERVAL_SECONDS
from application.services.maintenance.token_stream_closer import INTERVAL_SECONDS as TOKEN_CHECK_SECONDS
from domain.errors import Unavailable
from entrypoints.container import Application
from entrypoints.http.app import Lifespan
from entrypoints.http.example_pipelines import register_example_pipelines
from entrypoints.http.folder_applier import FolderApplier
from entrypoints.http.readiness import CONNECTING, EXAMPLES_PENDING, FOLDER_PENDING, describe_refused_folder
from entrypoints.http.service_tasks import ServiceTasks
from entrypoints.process.garbage_collection import collect_rarely
from entrypoints.settings import Settings

SERVICE_STOP_SECONDS: Final = 3.0
"""Time for the background services to end. `headgate up` gives the whole process 5 seconds."""
CLOSE_SECONDS: Final = 1.5
"""Time for the answers of the batchers, and then for closing the connections."""
STOP_SECONDS: Final = SERVICE_STOP_SECONDS + 2 * CLOSE_SECONDS
"""The longest time from the last response to the end of the lifespan."""
_RETRY_SECONDS: Final = 0.5
_FOLDER_SECONDS: Final = 1.0
"""Time between two looks at the folder of pipelines."""

log = structlog.get_logger("headgate.web")


def build_lifespan(application: Application, settings: Settings) -> Lifespan:
    """Return the lifespan of the ASGI application. Requests are answered while it still connects to the database."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.why_not_ready = CONNECTING
        tasks = ServiceTasks()
        tasks.start("start of the services", _start_services(app, application, settings, tasks))
        try:
            yield
        finally:
            for name in await tasks.stop(SERVICE_STOP_SECONDS):
                log.error("service did not stop in time", background_service=name, seconds=SERVICE_STOP_SECONDS)
            await _close(application)

    return lifespan


async def _close(application: Application) -> None:
    """Answer what the batchers hold, then close the connections. A step that fails or takes too long does not hold up the others."""
    batchers = (application.report_batcher(), application.advance_batcher(), application.trigger_batcher())
    await asyncio.gather(*(_close_in_time(batcher.drain) for batcher in batchers))
    adapters = application.adapters
    resources = [adapters.orchestrator(), adapters.deployments(), *adapters.event_sinks()]
    if (provider := adapters.identity_provider()) is not None:
        resources.append(provider)
    await asyncio.gather(*(_close_in_time(close) for close in [*(each.close for each in resources), adapters.database().stop]))


async def _close_in_time(close: Callable[[], Awaitable[None]]) -> None:
    """Log the name of a method that fails or does not return in time."""
    name = getattr(close, "__qualname__", repr(close))
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await close()
    except TimeoutError:
        log.error("not closed in time", closing=name, seconds=CLOSE_SECONDS)
    except Exception as error:
        log.error("closing failed", closing=name, exc_info=error)


async def _start_services(app: FastAPI, application: Application, settings: Settings, tasks: ServiceTasks) -> None:
    """Connect, register the examples, then start the services. `app.state.why_not_ready` says what the process waits for."""
    await _connect(app, application)
    if settings.examples and settings.pipelines is None:
        app.state.why_not_ready = EXAMPLES_PENDING
        await _register_examples(application)
    app.state.why_not_ready = None
    if settings.pipelines is not None:
        app.state.why_not_ready = FOLDER_PENDING
        tasks.start("apply the folder of pipelines", _apply_folder(app, application, settings, settings.pipelines))
    _freeze_loaded_objects()
    for service, wait in _list_services(application):
        tasks.start(type(service).__name__, run_service(service, wait, _log_service_error))
    if settings.previous_secret is not None:
        reencrypter = application.settings_reencrypter()
        wait = wait_seconds(REENCRYPT_INTERVAL_SECONDS)
        tasks.start(type(reencrypter).__name__, run_service(reencrypter, wait, _log_service_error))


async def _connect(app: FastAPI, application: Application) -> None:
    while True:
        try:
            await application.adapters.database().start()
            return
        except Unavailable as error:
            app.state.why_not_ready = replace(CONNECTING, sentence=str(error))
            await asyncio.sleep(_RETRY_SECONDS)


async def _apply_folder(app: FastAPI, application: Application, settings: Settings, folder: Path) -> None:
    """Apply the folder until nothing in it is refused, which makes the process ready. With `pipelines_watch`, continue on changes."""
    applier = FolderApplier(application, folder, settings.pipelines_prune)
    while settings.pipelines_watch or app.state.why_not_ready is not None:
        try:
            await applier.run_once()
        except Unavailable as error:
            log.warning("the folder of pipelines is applied later", reason=str(error))
        except Exception as error:
            log.error("the folder of pipelines cannot be applied", exc_info=error)
        else:
            if not applier.problems:
                app.state.why_not_ready = None
            elif app.state.why_not_ready is not None:
                app.state.why_not_ready = describe_refused_folder(applier.problems, is_open=settings.auth == "none")
        await asyncio.sleep(_FOLDER_SECONDS)


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
    collect_rarely()


def _list_services(application: Application) -> list[tuple[Service, Wait]]:
    """Return every background service and its wait. Each runs in every web process; none needs a leader."""
    notifier, dispatcher, relay = application.change_notifier(), application.dispatcher(), application.outbox_relay()
    pruner, clock, ticks = application.retention_pruner(), application.adapters.database().clock, application.tick_service()
    deleter, backfills = application.pipeline_deleter(), application.backfill_service()
    judge, expectations = application.alert_judge(), application.expectation_judge()
    grants, deliveries = application.grant_service(), application.delivery_service()
    submitter, follower, log_importer = application.flow_run_submitter(), application.flow_run_follower(), application.flow_log_importer()
    services: list[tuple[Service, Wait]] = [
        (clock, clock.wait),
        (notifier, notifier.wait),
        (application.feed_reader(), no_wait),
        (dispatcher, dispatcher.wait),
        (relay, relay.wait),
        (application.lease_sweeper(), wait_seconds(1.0)),
        (application.token_stream_closer(), wait_seconds(TOKEN_CHECK_SECONDS)),
        (application.due_run_sweeper(), wait_seconds(0.25)),
        (application.pause_ender(), wait_seconds(PAUSE_INTERVAL_SECONDS)),
        (ticks, ticks.wait),
        (backfills, backfills.wait),
        (grants, grants.wait),
        (judge, judge.wait),
        (expectations, expectations.wait),
        (deliveries, deliveries.wait),
        (application.drill_service(), wait_seconds(DRILL_INTERVAL_SECONDS)),
        (submitter, submitter.wait),
        (follower, follower.wait),
        (log_importer, log_importer.wait),
        (application.prefect_reconciler(), wait_seconds(5.0)),
        (pruner, pruner.wait),
        (deleter, deleter.wait),
        *((publisher, wait_seconds(1.0)) for publisher in application.lifecycle_publishers()),
    ]
    if application.telemetry().is_on:
        services.append((application.metrics_collector(), wait_seconds(COLLECT_INTERVAL_SECONDS)))
    return services


def _log_service_error(service: str, error: Exception) -> None:
    if isinstance(error, Unavailable):
        log.warning("service waits", background_service=service, why=str(error))
    else:
        log.error("service pass failed", background_service=service, exc_info=error)
