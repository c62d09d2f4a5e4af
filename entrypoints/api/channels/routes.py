"""Channels: where alert messages are sent."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.views.alerts import ChannelView
from domain.errors import NotFound
from entrypoints.api.channels.models import (
    ChangeChannelRequest,
    ChannelResponse,
    ChannelTestResponse,
    NewChannelRequest,
    SavedChannelResponse,
)
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import ADMIN, READ, requires
from entrypoints.http.base_path import link

router = create_router("channels")
ChannelPath = Annotated[str, Path(max_length=100, description="The channel's name.")]


@router.get("/channels/", summary="List channels", responses=problems(503))
@requires(READ)
async def list_channels(reader: ReaderDep) -> list[ChannelResponse]:
    """Return the channels by name, with what refers to them and how many messages wait. Settings are never returned."""
    return [ChannelResponse.from_view(view) for view in await reader.channels()]


@router.post(
    "/channels/",
    status_code=201,
    summary="Create a channel",
    response_description="Created; a generated `secret` is returned only now",
    responses=problems(403, 409, 413, 422, 503),
)
@requires(ADMIN)
async def create_channel(
    body: NewChannelRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> SavedChannelResponse:
    """Store a channel with encrypted settings, which are never returned. A webhook without `secret` gets one, which is returned only now; a
    request repeated with the same `Idempotency-Key` returns `null` in its place. 409 if the name is taken."""
    with body.naming_given_fields():
        created = await application.create_channel()(body.to_command(), actor, key)
    mark_replayed(response, created.replayed)
    response.headers["Location"] = link(f"/channels/{created.name}")
    response.headers["Cache-Control"] = "no-store"
    return SavedChannelResponse.from_saved(await _find(reader, created.name), created.secret)


@router.get("/channels/{name}", summary="Get a channel", responses=problems(404, 422, 503))
@requires(READ)
async def get_channel(name: ChannelPath, reader: ReaderDep) -> ChannelResponse:
    """Return a channel without its settings."""
    return ChannelResponse.from_view(await _find(reader, name))


@router.put("/channels/{name}", summary="Change a channel", responses=problems(403, 404, 413, 422, 503))
@requires(ADMIN)
async def change_channel(
    name: ChannelPath, body: ChangeChannelRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, response: Response
) -> SavedChannelResponse:
    """Replace the fallback and the drill, and the settings, if present. Messages that wait for a retry are sent at once."""
    with body.naming_given_fields():
        secret = await application.change_channel()(name, body.to_command(), actor)
    response.headers["Cache-Control"] = "no-store"
    return SavedChannelResponse.from_saved(await _find(reader, name), secret)


@router.delete("/channels/{name}", status_code=204, summary="Delete a channel", responses=problems(403, 404, 409, 422, 503))
@requires(ADMIN)
async def delete_channel(name: ChannelPath, application: ApplicationDep, actor: ActorDep) -> None:
    """Delete a channel and its settings. 409 `channel_in_use` while a rule or another channel refers to it, or messages wait for it."""
    await application.delete_channel()(name, actor)


@router.post("/channels/{name}/test", summary="Test a channel", responses=problems(403, 404, 422, 503))
@requires(ADMIN)
async def test_channel(name: ChannelPath, application: ApplicationDep, actor: ActorDep) -> ChannelTestResponse:
    """Send a marked message the way that alerts are sent, and wait up to 20 seconds for the result.

    A recipient confirms it with its link, which proves the channel. It is not retried.
    """
    return ChannelTestResponse.from_test(name, await application.test_channel()(name, actor))


async def _find(reader: Reader, name: str) -> ChannelView:
    found = await reader.channel(name)
    if found is None:
        raise NotFound("channel", name)
    return found
