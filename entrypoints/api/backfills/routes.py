"""Backfills and their ticks."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, WithJsonSchema
from starlette.responses import Response

from domain.backfills.tick import BackfillTickState
from domain.errors import InvalidInput, NotFound
from entrypoints.api.backfills.dependencies import BackfillDep
from entrypoints.api.backfills.models import BackfillPreviewResponse, BackfillResponse, BackfillTickResponse, NewBackfillRequest
from entrypoints.api.schedules.tick_routes import PipelineFilter
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.pagination import SortOrder, build_page_links, parse_cursor, take_page
from entrypoints.api.shared.pipeline_filter import find_pipeline_id
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Cursor, Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, TRIGGER, requires
from entrypoints.http.base_path import link

router = create_router("backfills")


def _parse_state(value: Any) -> BackfillTickState | None:
    try:
        return BackfillTickState(value) if value is not None else None
    except ValueError:
        raise ValueError("must be one of " + ", ".join(BackfillTickState)) from None


StateFilter = Annotated[
    BackfillTickState | None,
    BeforeValidator(_parse_state),
    WithJsonSchema({"type": "string", "enum": [state.value for state in BackfillTickState]}),
    Query(description="Only ticks with this state."),
]


@router.post(
    "/backfills/",
    status_code=201,
    summary="Start a backfill, or count its ticks",
    response_model=BackfillResponse,
    response_description="Stored; its runs start in the background",
    responses={
        200: {"model": BackfillPreviewResponse, "description": "With `dry_run`: what it would run; nothing is stored"},
        **problems(403, 404, 409, 413, 422, 503),
    },
)
@requires(TRIGGER)
async def start_backfill(
    body: NewBackfillRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> Any:
    """Run a pipeline for the ticks of a schedule, or of a cron expression, between two times: up to 10,000. At most `parallel` of its runs
    are unfinished at a time, regardless of the schedule's `overlap`. The pipeline can be paused."""
    if body.pipeline is None:
        raise InvalidInput.for_field("pipeline", "must be a pipeline's id or name")
    if body.dry_run:
        preview = await application.preview_backfill()(body.pipeline, body.to_request())
        return JSONResponse(BackfillPreviewResponse.from_preview(preview).model_dump(mode="json", by_alias=True))
    result = await application.start_backfill()(body.pipeline, body.to_request(), actor, key)
    mark_replayed(response, result.replayed)
    response.headers["Location"] = link(f"/backfills/{result.backfill_id}")
    view = await reader.backfill(result.backfill_id)
    if view is None:
        raise NotFound("backfill", result.backfill_id)
    return BackfillResponse.from_view(view)


@router.get("/backfills/", summary="List backfills", responses=problems(404, 422, 503))
@requires(READ)
async def list_backfills(
    request: Request,
    response: Response,
    reader: ReaderDep,
    pipeline: PipelineFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> list[BackfillResponse]:
    """Return backfills, newest first. The `Link` header points to the next page."""
    position, order = parse_cursor(cursor), SortOrder(ascending=False)
    pipeline_id = await find_pipeline_id(reader, pipeline)
    views = await reader.backfills(limit + 1, pipeline_id=pipeline_id, above=position.above, below=position.below)
    page, has_more = take_page(views, limit, order, position)
    response.headers.update(build_page_links(request, [view.id for view in page], order, position, 0, has_more))
    return [BackfillResponse.from_view(view) for view in page]


@router.get("/backfills/{backfill_id}", summary="Get a backfill", responses=problems(404, 422, 503))
@requires(READ)
async def get_backfill(backfill: BackfillDep) -> BackfillResponse:
    """Return a backfill with its progress."""
    return BackfillResponse.from_view(backfill)


@router.get("/backfills/{backfill_id}/ticks", summary="List the ticks of a backfill", responses=problems(404, 422, 503))
@requires(READ)
async def list_backfill_ticks(
    request: Request,
    response: Response,
    backfill: BackfillDep,
    reader: ReaderDep,
    state: StateFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> list[BackfillTickResponse]:
    """Return the ticks in run order, each with its run. The `Link` header points to the next page."""
    position, order = parse_cursor(cursor), SortOrder(ascending=True)
    views = await reader.backfill_ticks(backfill.id, limit + 1, state=state, above=position.above, below=position.below)
    page, has_more = take_page(views, limit, order, position)
    response.headers.update(build_page_links(request, [tick.position for tick in page], order, position, 0, has_more))
    return [BackfillTickResponse.from_view(tick) for tick in page]
