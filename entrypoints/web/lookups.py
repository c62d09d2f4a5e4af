"""What an address names, or 404."""

from fastapi import Request

from application.ports.persistence.pipelines import PipelineRef
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView, StageRunView
from domain.errors import NotFound
from entrypoints.container import Application
from entrypoints.http.ids import parse_id
from entrypoints.web.page_context import PageContext


async def find_pipeline(site: PageContext, ref: str) -> PipelineView | None:
    """By its name or its id."""
    key: PipelineRef = ref if (number := parse_id(ref)) is None else number
    return await site.reader.pipeline(key) if "\0" not in ref else None


async def pipeline_or_404(site: PageContext, ref: str) -> PipelineView:
    found = await find_pipeline(site, ref)
    if found is None:
        raise NotFound("pipeline", ref)
    return found


async def run_or_404(site: PageContext, run_id: str) -> RunView:
    number = parse_id(run_id)
    found = None if number is None else await site.reader.run(number)
    if found is None:
        raise NotFound("run", run_id)
    return found


async def stage_or_404(site: PageContext, run_id: str, name: str) -> tuple[RunView, StageRunView]:
    run = await run_or_404(site, run_id)
    found = next((each for each in run.stages if each.name == name), None)
    if found is None:
        raise NotFound("stage", name)
    return run, found


def get_application(request: Request) -> Application:
    found: Application = request.app.state.application
    return found


def get_origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")
