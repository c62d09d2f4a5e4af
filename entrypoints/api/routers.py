"""Every route of the API, and the state that its routes share."""

from fastapi import FastAPI

from entrypoints.api.access import account_routes, audit_routes, token_routes
from entrypoints.api.alert_rules import routes as alert_rule_routes
from entrypoints.api.backfills import control_routes as backfill_control_routes
from entrypoints.api.backfills import routes as backfill_routes
from entrypoints.api.channels import routes as channel_routes
from entrypoints.api.deployments import routes as deployment_routes
from entrypoints.api.events import routes as event_routes
from entrypoints.api.events.event_broadcaster import EventBroadcaster
from entrypoints.api.groups import routes as group_routes
from entrypoints.api.history import routes as history_routes
from entrypoints.api.incidents import control_routes as incident_control_routes
from entrypoints.api.incidents import routes as incident_routes
from entrypoints.api.logs import routes as log_routes
from entrypoints.api.logs.log_tail import LogTail
from entrypoints.api.pipelines import activation_routes, clone_routes, definition_routes, file_routes, revision_routes, schema_routes
from entrypoints.api.pipelines import routes as pipeline_routes
from entrypoints.api.pipelines.pipeline_list import create_pipeline_list_cache
from entrypoints.api.reports import routes as report_routes
from entrypoints.api.runs import control_routes
from entrypoints.api.runs import routes as run_routes
from entrypoints.api.runs.run_list import create_run_list_cache
from entrypoints.api.schedules import control_routes as schedule_control_routes
from entrypoints.api.schedules import expectation_routes, preview_routes, tick_routes, why_routes
from entrypoints.api.schedules import routes as schedule_routes
from entrypoints.api.silences import routes as silence_routes
from entrypoints.api.system import docs_routes, health_routes
from entrypoints.api.workers import routes as worker_routes

ROUTERS = (
    pipeline_routes.router,
    definition_routes.router,
    schema_routes.router,
    revision_routes.router,
    clone_routes.router,
    file_routes.router,
    activation_routes.router,
    schedule_routes.router,
    preview_routes.router,
    schedule_control_routes.router,
    tick_routes.router,
    expectation_routes.router,
    why_routes.router,
    backfill_routes.router,
    backfill_control_routes.router,
    group_routes.router,
    deployment_routes.router,
    incident_routes.router,
    incident_control_routes.router,
    channel_routes.router,
    alert_rule_routes.router,
    silence_routes.router,
    run_routes.router,
    control_routes.router,
    history_routes.router,
    event_routes.router,
    log_routes.router,
    worker_routes.router,
    token_routes.router,
    account_routes.router,
    audit_routes.router,
    health_routes.router,
    docs_routes.router,
)
PLAIN_ROUTES = (*report_routes.PLAIN_ROUTES, *worker_routes.PLAIN_ROUTES, *health_routes.PLAIN_ROUTES)


def add_state(app: FastAPI) -> None:
    """Create what the API's routes share in one process."""
    hub = app.state.application.hub()
    app.state.event_broadcaster = EventBroadcaster(hub)
    app.state.log_tail = LogTail(hub)
    app.state.pipeline_list_cache = create_pipeline_list_cache()
    app.state.run_list_cache = create_run_list_cache()
    app.state.run_context_loader = None
