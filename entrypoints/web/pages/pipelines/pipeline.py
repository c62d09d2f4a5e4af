"""A pipeline's page: its latest run, its history and its definition."""

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.live.pipeline_page import GRID_RUNS, LivePipelinePage
from entrypoints.web.lookups import get_origin, require_pipeline
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.pipelines.page import build_pipeline_page
from entrypoints.web.view_models.pipelines.revisions import build_diff, build_revision_items

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])


@router.get("/ui/pipelines/{ref}")
@requires(READ, ResourceScope.PIPELINE)
async def show_pipeline(request: Request, ref: str) -> Response:
    """Show a pipeline, named by its id or its name."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    runs = await context.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=GRID_RUNS)
    failures = await context.reader.failures(pipeline.id, GRID_RUNS)
    revisions = await context.reader.revisions(pipeline.id)
    rendered = await LivePipelinePage(context, pipeline.id).render_pipeline(pipeline, runs, failures)
    return render_page(
        request,
        "pipeline.html",
        section="pipelines",
        pipeline=build_pipeline_page(pipeline, get_origin(request)),
        rendered=rendered,
        has_runs=bool(runs),
        revisions=build_revision_items(revisions),
        diff_lines=build_diff(revisions[1], revisions[0]) if len(revisions) > 1 else (),
        css=("pipeline.css",),
    )
