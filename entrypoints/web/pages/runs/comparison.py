"""Two runs side by side."""

from fastapi import APIRouter, Depends, Request, Response

from application.queries.runs.load_comparison import load_comparison
from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.lookups import require_run
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.runs.comparison import build_comparison_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
RUNS_OFFERED = 40


@router.get("/ui/runs/{run_id}/compare")
@requires(READ, ResourceScope.RUN)
async def choose_comparison(request: Request, run_id: str) -> Response:
    """Redirect to the comparison with the run in the query, by default the last completed run before this one, else the previous one."""
    context = get_page_context(request)
    run = await require_run(context, run_id)
    chosen = request.query_params.get("with", "")
    if chosen:
        other = await require_run(context, chosen)
    else:
        candidates = [
            *await context.reader.runs(pipeline_id=run.pipeline_id, status=Status.COMPLETED, skip=0, limit=1, below=run.id),
            *await context.reader.runs(pipeline_id=run.pipeline_id, status=None, skip=0, limit=2),
        ]
        other = next((each for each in candidates if each.id != run.id), run)
    return redirect(f"/ui/runs/{other.id}/compare/{run.id}")


@router.get("/ui/runs/{before_id}/compare/{after_id}")
@requires(READ)
async def compare_runs(request: Request, before_id: str, after_id: str) -> Response:
    """Show what differs between two runs of a pipeline."""
    context = get_page_context(request)
    before, after = await require_run(context, before_id), await require_run(context, after_id)
    comparison = await load_comparison(before, after, context.reader)
    others = await context.reader.runs(pipeline_id=after.pipeline_id, status=None, skip=0, limit=RUNS_OFFERED)
    if all(each.id != before.id for each in others):
        others.append(before)
    return render_page(request, "comparison.html", section="runs", css=("run.css",), comparison=build_comparison_page(comparison, others))
