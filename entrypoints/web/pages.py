"""The pages. Everything reads and triggers without a script; what is live comes by `streams`."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from application.queries.sentences import Surroundings
from domain.status import Status
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web import (
    access_pages,
    definition_page,
    forms,
    run_controls,
    run_pages,
    runs_page,
    sign_in_page,
    static,
    streams,
    system_page,
    waiting_page,
)
from entrypoints.web.live_board import BoardView
from entrypoints.web.live_pipeline import GRID_RUNS, PipelinePageView
from entrypoints.web.lookups import origin_of, pipeline_or_404
from entrypoints.web.plain import plain_answer, wants_plain
from entrypoints.web.plain_pages import board_as_text
from entrypoints.web.site import frame_of, site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.board import Filter, counts, entry_of
from entrypoints.web.view_models.forms import NewPipeline
from entrypoints.web.view_models.pipeline import page_of
from entrypoints.web.view_models.revisions import diff_lines, revision_lines
from entrypoints.web.view_models.words import status_word

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])


@router.get("/")
@requires(READ)
async def index(request: Request, q: str = "", status: str = "", tag: str = "") -> Response:
    site = site_of(request)
    view = BoardView(site, tag)
    rows = await view.rows()
    if wants_plain(request):
        arounds = [await site.surveyor.around(row.pipeline.latest) if row.pipeline.latest else Surroundings(site.now()) for row in rows]
        return plain_answer(board_as_text(rows, arounds))
    if not rows and not tag:
        return page(request, "new.html", section="pipelines", form=NewPipeline(), is_first=True, origin=origin_of(request))
    drawing = await view.draw_rows(rows)
    shown = [entry_of(row.pipeline) for row in rows]
    wanted = status if status in list(Status) else ""
    words = q.strip().lower()
    hidden = {row.id for row in shown if not row.fits(wanted, words)}
    found = counts(rows)
    filters = [
        _filter(None, len(rows), q, wanted, tag),
        *(_filter(each, found.get(each, 0), q, wanted, tag) for each in Status if each is not Status.SKIPPED),
    ]
    return page(
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


def _filter(status: Status | None, count: int, q: str, wanted: str, tag: str) -> Filter:
    query = urlencode({key: value for key, value in (("q", q), ("status", status.value if status else ""), ("tag", tag)) if value})
    return Filter(status_word(status) if status else None, count, f"/?{query}" if query else "/", wanted == (status or ""))


@router.get("/ui/pipelines/{ref}")
@requires(READ, ResourceScope.PIPELINE)
async def pipeline(request: Request, ref: str) -> Response:
    site = site_of(request)
    found = await pipeline_or_404(site, ref)
    runs = await site.reader.runs(pipeline_id=found.id, status=None, skip=0, limit=GRID_RUNS)
    failures = await site.reader.failures(found.id, GRID_RUNS)
    revisions = await site.reader.revisions(found.id)
    drawing = await PipelinePageView(site, found.id).draw_pipeline(found, runs, failures)
    return page(
        request,
        "pipeline.html",
        section="pipelines",
        pipeline=page_of(found, origin_of(request)),
        drawing=drawing,
        has_runs=bool(runs),
        revisions=revision_lines(revisions),
        changed=diff_lines(revisions[1], revisions[0]) if len(revisions) > 1 else (),
        css=("pipeline.css",),
    )


ROUTERS = (
    router,
    sign_in_page.router,
    access_pages.router,
    forms.router,
    definition_page.router,
    runs_page.router,
    run_pages.router,
    run_controls.router,
    waiting_page.router,
    system_page.router,
    streams.router,
    static.router,
)
