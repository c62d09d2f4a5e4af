"""FastAPI dependencies of the API's routes."""

from typing import Annotated

from fastapi import Depends, Request

from application.ports.queries.reader import Reader
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from domain.access.actor import Actor
from entrypoints.container import Application
from entrypoints.http.auth import caller


def get_application(request: Request) -> Application:
    """Return the application of a plain route's request; other routes take it as `ApplicationDep`."""
    found: Application = request.app.state.application
    return found


async def _get_application(request: Request) -> Application:
    return get_application(request)


async def _get_reader(request: Request) -> Reader:
    found: Reader = request.app.state.application.adapters.reader()
    return found


async def _get_run_context_loader(request: Request) -> RunContextLoader:
    """Build the loader on the first request: when the application is built, its adapters may not be ready."""
    state = request.app.state
    if state.run_context_loader is None:
        adapters = state.application.adapters
        health = OrchestratorHealth(adapters.orchestrator())
        state.run_context_loader = RunContextLoader(adapters.reader(), adapters.clock(), health, state.application.warm_pools())
    found: RunContextLoader = state.run_context_loader
    return found


async def _get_prefect_url(request: Request) -> str | None:
    settings = request.app.state.application.settings()
    url: str | None = getattr(settings, "prefect_pages_url", None)
    return url


async def _get_actor(request: Request) -> Actor:
    return caller.get_actor(request)


ApplicationDep = Annotated[Application, Depends(_get_application)]
ReaderDep = Annotated[Reader, Depends(_get_reader)]
RunContextDep = Annotated[RunContextLoader, Depends(_get_run_context_loader)]
PrefectUrlDep = Annotated[str | None, Depends(_get_prefect_url)]
"""The URL of Prefect's pages."""
ActorDep = Annotated[Actor, Depends(_get_actor)]


def get_trigger_kind(request: Request) -> str:
    """Return `cli` for Headgate's own command line, `api` for every other client."""
    return "cli" if request.headers.get("user-agent", "").startswith("headgate-cli") else "api"
