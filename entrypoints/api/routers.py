"""Every router of the API, and what its routes share."""

from fastapi import FastAPI

from entrypoints.api import accounts, audit, controls, docs, events, health, history, logs, pipelines, runs, status_updates, tokens, worker
from entrypoints.api.live import EventBroadcaster
from entrypoints.api.texts import pipeline_list_cache, run_list_cache

ROUTERS = (
    pipelines.router,
    runs.router,
    controls.router,
    history.router,
    events.router,
    logs.router,
    worker.router,
    tokens.router,
    accounts.router,
    audit.router,
    health.router,
    docs.router,
)
PLAIN_ROUTES = (*status_updates.PLAIN_ROUTES, *worker.PLAIN_ROUTES, *health.PLAIN_ROUTES)


def add_state(app: FastAPI) -> None:
    """Create what the API's routes share in one process."""
    app.state.live = EventBroadcaster(app.state.application.hub())
    app.state.look_around = None
    app.state.pipeline_list_cache = pipeline_list_cache()
    app.state.run_list_cache = run_list_cache()
