"""Concurrency groups: the list, one group with its holders and its queue, and its limit."""

import base64
import binascii
from typing import Annotated, Final

from fastapi import Path, Query, Request
from starlette.responses import Response

from domain.concurrency.parsing import is_group_name
from domain.errors import InvalidInput, NotFound
from entrypoints.api.groups.models import GroupDetailResponse, GroupLimitRequest, GroupResponse
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.pagination import build_link_header
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import ADMIN, READ, requires

router = create_router("groups")
SHOWN: Final = 1_000
GroupName = Annotated[str, Path(max_length=100, description="The group's name.")]
NameCursor = Annotated[str | None, Query(max_length=140, description="A position in the list, from a `Link` header.")]
"""A name in base64 is a third longer."""


@router.get("/groups/", summary="List groups", responses=problems(422, 503))
@requires(READ)
async def list_groups(
    request: Request, response: Response, reader: ReaderDep, limit: Limit = 100, cursor: NameCursor = None
) -> list[GroupResponse]:
    """Return the concurrency groups that pipelines name or that have a limit, by name. The `Link` header points to the next page."""
    found = await reader.groups(limit=limit + 1, after=_parse_name_cursor(cursor))
    if len(found) > limit:
        response.headers.update(build_link_header(request, {"next": _format_name_cursor(found[limit - 1].name)}))
    return [GroupResponse.from_view(group) for group in found[:limit]]


@router.get("/groups/{name}", summary="Get a group", responses=problems(404, 422, 503))
@requires(READ)
async def get_group(name: GroupName, reader: ReaderDep) -> GroupDetailResponse:
    """Return a group with the runs and stages that hold its slots, and those that wait for one, in the order in which they will get it."""
    found = await reader.group(name, holders=SHOWN, waiting=SHOWN) if is_group_name(name) else None
    if found is None:
        raise NotFound("group", name)
    return GroupDetailResponse.from_detail(found)


@router.put("/groups/{name}", summary="Set a group's limit", responses=problems(403, 404, 413, 422, 503))
@requires(ADMIN)
async def set_group_limit(
    name: GroupName, body: GroupLimitRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep
) -> GroupDetailResponse:
    """Set the group's limit.

    While an admin's limit is set, definitions cannot set a different one. A lower limit ends no runs: new runs wait until enough slots are
    free. A higher one starts waiting runs at once. `null` restores the limit of the definitions.
    """
    if not is_group_name(name):
        raise NotFound("group", name)
    await application.set_group_limit()(name, body.limit, actor)
    return await get_group(name, reader)


def _format_name_cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _parse_name_cursor(cursor: str | None) -> str | None:
    """Return the name after which the page begins. Raise InvalidInput if this API has not issued the cursor."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput.for_field("cursor", "must be a cursor from a Link header of this list") from None
