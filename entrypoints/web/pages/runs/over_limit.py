"""The form that starts a run over its concurrency limits."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from application.queries.explain.slot_waits import describe_slot_waits
from application.queries.views.runs import RunView
from domain.errors import Conflict, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.lookups import get_application, require_run
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
MAX_STAGES: Final = 200


@router.get("/ui/runs/{run_id}/start-over-limit")
@requires(OPERATE, ResourceScope.RUN)
async def show_over_limit_form(request: Request, run_id: str) -> Response:
    """Ask for confirmation, with the reason for which the run waits."""
    return await _render(request, await require_run(get_page_context(request), run_id), "", 200)


@router.post("/ui/runs/{run_id}/start-over-limit")
@requires(OPERATE, ResourceScope.RUN)
async def start_over_limit(request: Request, run_id: str) -> Response:
    """Start the run, or the chosen stage, although the limit is reached."""
    run = await require_run(get_page_context(request), run_id)
    stage = get_text(await parse_form(request), "stage") or None
    try:
        await get_application(request).start_over_limit()(run.id, stage, get_actor(request))
    except (Conflict, NotFound) as error:
        return await _render(request, await require_run(get_page_context(request), run_id), str(error), 409)
    return redirect(f"/ui/runs/{run.id}")


async def _render(request: Request, run: RunView, problem: str, status: int) -> Response:
    context = await get_page_context(request).run_contexts.load(run)
    return render_page(
        request,
        "start_over_limit.html",
        status,
        section="runs",
        css=("run.css",),
        run=run,
        problem=problem,
        waits=run.waits_for_slot or bool(run.limited_stages),
        sentence=describe_slot_waits(run, context.full_buckets),
        stages=[] if run.slot_state == "waiting" else [stage.name for stage in run.limited_stages[:MAX_STAGES]],
    )
