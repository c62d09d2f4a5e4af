"""The pages. Everything reads and triggers without a script; what is live comes by `streams`."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from application.queries.why import Surroundings
from domain.status import Status
from entrypoints.web import forms, runs_page, static, streams, system_page, waiting_page
from entrypoints.web.live_board import BoardView
from entrypoints.web.live_pipeline import GRID_RUNS, PipelinePageView
from entrypoints.web.live_run import EVENTS_SHOWN, VIEWS, RunPageView
from entrypoints.web.log_pane import log_pane
from entrypoints.web.lookups import origin_of, pipeline_or_404, run_or_404
from entrypoints.web.plain import plain_answer, wants_plain
from entrypoints.web.plain_pages import board_as_text, run_as_text
from entrypoints.web.site import Site, frame_of, site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.board import Filter, counts, row_of
from entrypoints.web.view_models.forms import NewPipeline
from entrypoints.web.view_models.pipeline import page_of
from entrypoints.web.view_models.run import head_of
from entrypoints.web.view_models.words import status_word

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])


@router.get("/")
async def index(request: Request, q: str = "", status: str = "") -> Response:
    site = site_of(request)
    rows = await site.reader.board()
    if wants_plain(request):
        arounds = [await site.surveyor.around(row.pipeline.latest) if row.pipeline.latest else Surroundings(site.now()) for row in rows]
        return plain_answer(board_as_text(rows, arounds))
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


@router.get("/ui/runs/{run_id}")
async def run(request: Request, run_id: str, view: str = "waterfall", stage: str = "", line: str = "") -> Response:
    site = site_of(request)
    found = await run_or_404(site, run_id)
    if wants_plain(request):
        return plain_answer(run_as_text(found, await site.surveyor.around(found)))
    shown = view if view in VIEWS else VIEWS[1]
    only = stage if any(each.name == stage for each in found.stages) else None
    events = await site.reader.newest_events(found.id, EVENTS_SHOWN)
    drawing = await RunPageView(site, found.id, shown, only).draw_run(found, events)
    around = Surroundings(site.now())
    pane = await log_pane(site.reader, found, shown, only, int(line) if line.isascii() and line.isdigit() and len(line) < 10 else None)
    stream = {"view": shown, "stage": only or "", "seen": drawing.digest, "after": pane.last}
    return page(
        request,
        "run.html",
        section="runs",
        head=head_of(found, around, None, site.prefect_pages, site.datadog_site),
        drawing=drawing,
        view=shown,
        views=[(each, f"/ui/runs/{found.id}?{urlencode({'view': each, **({'stage': only} if only else {})})}") for each in VIEWS],
        log=pane,
        stream=f"/ui/live/runs/{found.id}?{urlencode(stream)}",
    )


@router.get("/ui/runs/{run_id}/log.txt")
async def log_text(request: Request, run_id: str, stage: str = "") -> Response:
    """The whole log as it was written, colours and all; of one stage when asked."""
    site = site_of(request)
    found = await run_or_404(site, run_id)
    name = f"{found.pipeline}-{found.number}{'-' + stage if stage else ''}.log".replace('"', "")
    headers = {
        "Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_log_text(site, found.id, stage or None), media_type="text/plain; charset=utf-8", headers=headers)


async def _log_text(site: Site, run_id: int, stage: str | None) -> AsyncIterator[bytes]:
    after = 0
    while lines := await site.reader.log(run_id, stage=stage, attempt=None, after=after, limit=2_000):
        after = lines[-1].n
        yield "".join(f"{line.text}\n" for line in lines).encode("utf-8", "replace")


for part in (forms.router, runs_page.router, waiting_page.router, system_page.router):
    router.include_router(part)
router.include_router(streams.router)
router.include_router(static.router)
