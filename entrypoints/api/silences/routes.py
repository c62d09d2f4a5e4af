"""Silences: times in which messages are held back."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from domain.errors import NotFound
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.api.silences.models import NewSilenceRequest, SilenceResponse
from entrypoints.container import Application
from entrypoints.http.auth.permissions import OPERATE, READ, requires
from entrypoints.http.base_path import link
from entrypoints.http.ids import parse_id

router = create_router("silences")
SilencePath = Annotated[str, Path(description="The silence's id.")]
Ended = Annotated[bool, Query(description="Whether to include ended silences.")]


@router.get("/silences/", summary="List silences", responses=problems(422, 503))
@requires(READ)
async def list_silences(application: ApplicationDep, reader: ReaderDep, ended: Ended = False) -> list[SilenceResponse]:
    """Return the silences that are active or still to come; with `ended=true` also those that have ended."""
    now = application.adapters.clock().now()
    return [SilenceResponse.from_silence(view, now) for view in await reader.silences(now, include_ended=ended)]


@router.post(
    "/silences/",
    status_code=201,
    summary="Create a silence",
    response_description="Created",
    responses=problems(403, 409, 413, 422, 503),
)
@requires(OPERATE)
async def create_silence(
    body: NewSilenceRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> SilenceResponse:
    """Hold back the messages of a pipeline, of the pipelines with a tag, or of all pipelines. Meanwhile incidents still open and resolve.
    At
    the end, Headgate sends those that are still open, and one line for each of the others."""
    result = await application.create_silence()(body.to_command(), actor, key)
    mark_replayed(response, result.replayed)
    response.headers["Location"] = link(f"/silences/{result.silence_id}")
    return await _respond(application, reader, result.silence_id)


@router.get("/silences/{silence_id}", summary="Get a silence", responses=problems(404, 422, 503))
@requires(READ)
async def get_silence(silence_id: SilencePath, application: ApplicationDep, reader: ReaderDep) -> SilenceResponse:
    """Return a silence, including ended ones."""
    return await _respond(application, reader, _parse(silence_id))


@router.delete("/silences/{silence_id}", summary="End a silence", response_description="Ended", responses=problems(403, 404, 422, 503))
@requires(OPERATE)
async def end_silence(silence_id: SilencePath, application: ApplicationDep, reader: ReaderDep, actor: ActorDep) -> SilenceResponse:
    """End a silence now, or cancel one that has not begun. It stays in the list of ended ones. Ending again changes nothing."""
    number = _parse(silence_id)
    await application.end_silence()(number, actor)
    return await _respond(application, reader, number)


def _parse(silence_id: str) -> int:
    number = parse_id(silence_id)
    if number is None:
        raise NotFound("silence", silence_id)
    return number


async def _respond(application: Application, reader: ReaderDep, silence_id: int) -> SilenceResponse:
    view = await reader.silence(silence_id)
    if view is None:
        raise NotFound("silence", silence_id)
    return SilenceResponse.from_silence(view, application.adapters.clock().now())
