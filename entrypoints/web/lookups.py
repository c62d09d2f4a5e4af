"""Loading of what a path names. Each `require_` function raises NotFound for an unknown name."""

from urllib.parse import urlsplit

from fastapi import Request

from application.ports.persistence.pipelines import PipelineRef
from application.queries.views.backfills import BackfillView
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView, StageRunView
from domain.errors import NotFound
from entrypoints.container import Application
from entrypoints.http.ids import parse_id
from entrypoints.http.run_references import find_run_id
from entrypoints.web.page_context import PageContext


async def find_pipeline(context: PageContext, ref: str) -> PipelineView | None:
    """Return the pipeline with this id or name."""
    key: PipelineRef = ref if (number := parse_id(ref)) is None else number
    return await context.reader.pipeline(key) if "\0" not in ref else None


async def require_pipeline(context: PageContext, ref: str) -> PipelineView:
    """Return the pipeline with this id or name."""
    pipeline = await find_pipeline(context, ref)
    if pipeline is None:
        raise NotFound("pipeline", ref)
    return pipeline


async def require_run(context: PageContext, run_id: str) -> RunView:
    """Return the run with this id, or with this name."""
    number = await find_run_id(context.reader, run_id)
    run = None if number is None else await context.reader.run(number)
    if run is None:
        raise NotFound("run", run_id)
    return run


async def require_backfill(context: PageContext, backfill_id: str) -> BackfillView:
    """Return the backfill with this id."""
    number = parse_id(backfill_id)
    backfill = None if number is None else await context.reader.backfill(number)
    if backfill is None:
        raise NotFound("backfill", backfill_id)
    return backfill


async def require_stage(context: PageContext, run_id: str, name: str) -> tuple[RunView, StageRunView]:
    """Return the run with this id and its stage with this name."""
    run = await require_run(context, run_id)
    stage = run.find_stage(name)
    if stage is None:
        raise NotFound("stage", name, run.name)
    return run, stage


def get_application(request: Request) -> Application:
    """Return the application that serves the request."""
    application: Application = request.app.state.application
    return application


def get_origin(request: Request) -> str:
    """Return the base URL that the client used, without a trailing slash. A proxy with TLS sends plain HTTP, so HEADGATE_URL says more."""
    public_url, used = get_application(request).settings().public_url, str(request.base_url).rstrip("/")
    return public_url if urlsplit(public_url).netloc == urlsplit(used).netloc else used
