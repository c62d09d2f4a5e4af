"""Revisions of a pipeline: list and read them, read their texts, and restore one."""

import asyncio
from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.responses import Response

from domain.errors import InvalidInput, NotFound
from entrypoints.api.pipelines.dependencies import PipelineDep, PipelineRefDep
from entrypoints.api.pipelines.models import PipelineResponse
from entrypoints.api.pipelines.revision_models import RevisionDetailResponse, RevisionResponse, list_revision_responses
from entrypoints.api.pipelines.stored_pipeline import respond_with_pipeline
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.etags import IfMatch, parse_expected_revisions
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.pagination import PagePosition, build_link_header, parse_cursor
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Cursor
from entrypoints.api.shared.routing import create_router
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.http.auth.permissions import DEFINE, READ, ResourceScope, requires
from entrypoints.http.body_types import YAML_TYPES

router = create_router("pipelines")
SOURCE_HEADER = "Headgate-Source"
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the revision.")]
RevisionLimit = Annotated[int, Query(ge=1, le=100, description="Maximum number of revisions to return.")]
_SOURCE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The text",
        "content": {YAML_TYPES[0]: {"schema": {"type": "string"}, "example": "# Nightly\nname: flights\nstages: []\n"}},
        "headers": {
            SOURCE_HEADER: {
                "description": "`written`: the text as its author wrote it. `generated`: YAML made of the definition, without defaults.",
                "schema": {"type": "string", "enum": ["written", "generated"]},
            }
        },
    }
}


@router.get("/pipelines/{pipeline_id}/revisions", summary="List a pipeline's revisions", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def list_revisions(
    pipeline: PipelineDep, request: Request, reader: ReaderDep, response: Response, limit: RevisionLimit = 20, cursor: Cursor = None
) -> list[RevisionResponse]:
    """Return the revisions, newest first, with their authors and what each changed. The `Link` header points to the next page."""
    position = parse_cursor(cursor)
    if position.above is not None:
        raise InvalidInput.for_field("cursor", "must be a cursor from a Link header of this list")
    newest = position.below - 1 if position.below is not None else None
    found = await reader.revisions(pipeline.id, limit=limit + 1, newest=newest)
    if len(found) > limit:
        response.headers.update(build_link_header(request, {"next": str(PagePosition(below=found[limit - 1].revision))}))
    return await asyncio.to_thread(list_revision_responses, pipeline.id, found, limit)


@router.get("/pipelines/{pipeline_id}/revisions/{number}", summary="Get a revision", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def get_revision(pipeline: PipelineDep, number: Number, reader: ReaderDep) -> RevisionDetailResponse:
    """Return a revision with its definition, its author and what it changed."""
    found = await reader.revisions(pipeline.id, limit=2, newest=number)
    if not found or found[0].revision != number:
        raise NotFound("revision", number, pipeline.name)
    before = found[1] if len(found) > 1 else None
    return await asyncio.to_thread(RevisionDetailResponse.from_views, pipeline.id, found[0], before)


@router.get(
    "/pipelines/{pipeline_id}/revisions/{number}/source",
    summary="Get the text of a revision",
    response_class=Response,
    responses={**_SOURCE, **problems(404, 422, 503)},
)
@requires(READ, ResourceScope.PIPELINE)
async def get_revision_source(pipeline: PipelineDep, number: Number, reader: ReaderDep) -> Response:
    """Return the definition's text as its author wrote it, with comments. A revision that was made from JSON values has none: its
    definition is returned as YAML, without defaults. The header `Headgate-Source` says which of them it is."""
    revision = await reader.revision(pipeline.id, number)
    if revision is None:
        raise NotFound("revision", number, pipeline.name)
    text = await asyncio.to_thread(get_revision_text, revision)
    origin = "written" if revision.source is not None else "generated"
    return Response(text, media_type=YAML_TYPES[0], headers={SOURCE_HEADER: origin})


@router.post(
    "/pipelines/{pipeline_id}/revisions/{number}/restore",
    summary="Restore a revision",
    response_description="The pipeline with the restored revision as its newest",
    response_model_exclude_unset=True,
    responses=problems(403, 404, 409, 412, 422, 503),
)
@requires(DEFINE, ResourceScope.PIPELINE)
async def restore_revision(
    ref: PipelineRefDep,
    number: Number,
    reader: ReaderDep,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    if_match: IfMatch = None,
) -> PipelineResponse:
    """Store a new revision with the definition, the name and the text of an earlier one. Nothing is stored if they equal those of the
    newest. Active runs keep their revision. 422 if the definition is no longer valid; with `If-Match`, 412 if a newer revision has
    been stored."""
    restored = await application.restore_revision()(ref, number, parse_expected_revisions(if_match), actor, key)
    mark_replayed(response, restored.replayed)
    return await respond_with_pipeline(reader, restored, response)
