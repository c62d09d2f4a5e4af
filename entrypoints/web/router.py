"""The pages. Everything reads and triggers without a script; what is live comes by `streams`."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from application.queries.explain.run_context import RunContext
from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web import static_files
from entrypoints.web.live import routes
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.live.pipeline_page import GRID_RUNS, LivePipelinePage
from entrypoints.web.lookups import get_origin, pipeline_or_404
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.pages import revisions, run, run_actions, run_list, sign_in, system, tokens, trigger, waiting
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_board
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.forms import NewPipelineForm
from entrypoints.web.view_models.pipelines.board import StatusFilter, build_searchable_item, count_statuses
from entrypoints.web.view_models.pipelines.page import build_pipeline_page
from entrypoints.web.view_models.pipelines.revisions import build_diff, build_revision_items

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])


@router.get("/")
@requires(READ)
async def index(request: Request, q: str = "", status: str = "", tag: str = "") -> Response:
    site = get_page_context(request)
    view = LiveBoard(site, tag)
    rows = await view.rows()
    if wants_text(request):
        arounds = [
            await site.run_context_cache.around(row.pipeline.latest) if row.pipeline.latest else RunContext(site.now()) for row in rows
        ]
        return text_response(format_board(rows, arounds))
    if not rows and not tag:
        return render_page(request, "new.html", section="pipelines", form=NewPipelineForm(), is_first=True, origin=get_origin(request))
    drawing = await view.render_rows(rows)
    shown = [build_searchable_item(row.pipeline) for row in rows]
    wanted = status if status in list(Status) else ""
    words = q.strip().lower()
    hidden = {row.id for row in shown if not row.matches(wanted, words)}
    found = count_statuses(rows)
    filters = [
        _filter(None, len(rows), q, wanted, tag),
        *(_filter(each, found.get(each, 0), q, wanted, tag) for each in Status if each is not Status.SKIPPED),
    ]
    return render_page(
        request,
        "index.html",
        section="pipelines",
        rows=shown,
        hidden=hidden,
        drawing=drawing,
        filters=filters,
        q=q,
        wanted=wanted,
        tag=tag,
        stream=f"/ui/live/board?{urlencode({'seen': drawing.digest} | ({'tag': tag} if tag else {}))}",
    )


def _filter(status: Status | None, count: int, q: str, wanted: str, tag: str) -> StatusFilter:
    query = urlencode({key: value for key, value in (("q", q), ("status", status.value if status else ""), ("tag", tag)) if value})
    return StatusFilter(get_status_label(status) if status else None, count, f"/?{query}" if query else "/", wanted == (status or ""))


@router.get("/ui/pipelines/{ref}")
@requires(READ, ResourceScope.PIPELINE)
async def pipeline(request: Request, ref: str) -> Response:
    site = get_page_context(request)
    found = await pipeline_or_404(site, ref)
    runs = await site.reader.runs(pipeline_id=found.id, status=None, skip=0, limit=GRID_RUNS)
    failures = await site.reader.failures(found.id, GRID_RUNS)
    revisions = await site.reader.revisions(found.id)
    drawing = await LivePipelinePage(site, found.id).render_pipeline(found, runs, failures)
    return render_page(
        request,
        "pipeline.html",
        section="pipelines",
        pipeline=build_pipeline_page(found, get_origin(request)),
        drawing=drawing,
        has_runs=bool(runs),
        revisions=build_revision_items(revisions),
        changed=build_diff(revisions[1], revisions[0]) if len(revisions) > 1 else (),
        css=("pipeline.css",),
    )


ROUTERS = (
    router,
    sign_in.router,
    tokens.router,
    trigger.router,
    revisions.router,
    run_list.router,
    run.router,
    run_actions.router,
    waiting.router,
    system.router,
    routes.router,
    static_files.router,
)
