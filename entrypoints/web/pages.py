"""The pages. Everything reads and triggers without a script; what is live comes by `streams`."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from application.queries.why import Surroundings
from domain.status import Status
from entrypoints.web import forms, run_controls, run_pages, static, streams
from entrypoints.web.live_board import BoardView
from entrypoints.web.live_pipeline import GRID_RUNS, PipelinePageView
from entrypoints.web.lookups import origin_of, pipeline_or_404
from entrypoints.web.site import site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.board import Filter, counts, row_of
from entrypoints.web.view_models.forms import NewPipeline
from entrypoints.web.view_models.pipeline import page_of
from entrypoints.web.view_models.runs import run_rows
from entrypoints.web.view_models.words import status_word

PAGE_OF_RUNS = 50
LARGEST_ID = 2**63 - 1

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request, q: str = "", status: str = "") -> Response:
    site = site_of(request)
    rows = await site.reader.board()
    if not rows:
        return page(request, "new.html", section="pipelines", form=NewPipeline(), is_first=True, origin=origin_of(request))
    drawing = await BoardView(site).draw_rows(rows)
    shown = [row_of(row, Surroundings(site.now())) for row in rows]
    wanted = status if status in list(Status) else ""
    words = q.strip().lower()
    hidden = {row.id for row in shown if (wanted and row.status.key != wanted) or words not in row.searched}
    found = counts(rows)
    filters = [
        _filter(None, len(rows), q, wanted),
        *(_filter(each, found.get(each, 0), q, wanted) for each in Status if each is not Status.SKIPPED),
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
    )


def _filter(status: Status | None, count: int, q: str, wanted: str) -> Filter:
    query = urlencode({key: value for key, value in (("q", q), ("status", status.value if status else "")) if value})
    return Filter(status_word(status) if status else None, count, f"/?{query}" if query else "/", wanted == (status or ""))


@router.get("/ui/pipelines/{ref}")
async def pipeline(request: Request, ref: str) -> Response:
    site = site_of(request)
    found = await pipeline_or_404(site, ref)
    runs = await site.reader.runs(pipeline_id=found.id, status=None, skip=0, limit=GRID_RUNS)
    drawing = await PipelinePageView(site, found.id).draw_pipeline(found, runs)
    return page(
        request,
        "pipeline.html",
        section="pipelines",
        pipeline=page_of(found, origin_of(request)),
        drawing=drawing,
        has_runs=bool(runs),
    )


@router.get("/ui/runs")
async def runs(request: Request, status: str = "", pipeline: str = "", skip: int = 0) -> Response:
    site = site_of(request)
    wanted = Status(status) if status in list(Status) else None
    only = await pipeline_or_404(site, pipeline) if pipeline else None
    skip = min(max(0, skip), LARGEST_ID // 2)
    found = await site.reader.runs(pipeline_id=only.id if only else None, status=wanted, skip=skip, limit=PAGE_OF_RUNS + 1)
    kept = {"status": status, "pipeline": pipeline}
    return page(
        request,
        "runs.html",
        section="runs",
        rows=run_rows(found[:PAGE_OF_RUNS], site.now()),
        filters=[_runs_filter(each, wanted, pipeline) for each in (None, *(each for each in Status if each is not Status.SKIPPED))],
        pipeline=only.name if only else None,
        newer=_link({**kept, "skip": max(0, skip - PAGE_OF_RUNS) or ""}) if skip else None,
        older=_link({**kept, "skip": skip + PAGE_OF_RUNS}) if len(found) > PAGE_OF_RUNS else None,
    )


def _runs_filter(status: Status | None, wanted: Status | None, pipeline: str) -> Filter:
    href = _link({"status": status.value if status else "", "pipeline": pipeline})
    return Filter(status_word(status) if status else None, 0, href, status is wanted)


def _link(query: Mapping[str, object]) -> str:
    kept = urlencode({key: value for key, value in query.items() if value})
    return f"/ui/runs?{kept}" if kept else "/ui/runs"


router.include_router(forms.router)
router.include_router(run_pages.router)
router.include_router(run_controls.router)
router.include_router(streams.router)
router.include_router(static.router)
