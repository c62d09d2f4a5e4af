"""Pages of lists: an opaque cursor that holds its place whatever is added meanwhile, and Link headers that lead on (RFC 8288)."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request

from domain.errors import InvalidInput

Item = TypeVar("Item")
CursorText = Annotated[
    str | None, Query(max_length=100, description="A place in the list, from a `Link` of an earlier answer; `skip` counts from there.")
]
_PLACE = re.compile(r"([<>])(\d{1,19})")


@dataclass(frozen=True, slots=True)
class Place:
    """Between two items, by their ids: those above `above`, or below `below`; anywhere when neither is given."""

    above: int | None = None
    below: int | None = None

    def __str__(self) -> str:
        plain = f">{self.above}" if self.above is not None else f"<{self.below}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


ANYWHERE = Place()


def place_of(cursor: str | None) -> Place:
    """InvalidInput for what is no cursor of ours."""
    if cursor is None:
        return ANYWHERE
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    found = _PLACE.fullmatch(plain)
    if found is None or int(found[2]) >= 2**63:
        raise InvalidInput.of("cursor", "is a cursor from a Link of this list")
    return Place(above=int(found[2])) if found[1] == ">" else Place(below=int(found[2]))


@dataclass(frozen=True, slots=True)
class Turn:
    """Which way a list runs: `rising` by id, or falling. Says where a page's neighbours are."""

    rising: bool

    def after(self, id: int) -> Place:
        return Place(above=id) if self.rising else Place(below=id)

    def before(self, id: int) -> Place:
        return Place(below=id) if self.rising else Place(above=id)

    def goes_back(self, place: Place) -> bool:
        return place != ANYWHERE and (place.below is not None) is self.rising


def cut(found: Sequence[Item], limit: int, turn: Turn, place: Place) -> tuple[Sequence[Item], bool]:
    """The page of what was found with one item too many, and whether there was that one."""
    more = len(found) > limit
    if not more:
        return found, False
    return (found[1:] if turn.goes_back(place) else found[:limit]), True


def links(request: Request, ids: Sequence[int], turn: Turn, place: Place, skip: int, more: bool) -> dict[str, str]:
    """The Link header of a page with these ids: `next` and `prev` where there is such a page, and `first`."""
    back = turn.goes_back(place)
    places: dict[str, Place | None] = {}
    if ids and (more or back):
        places["next"] = turn.after(ids[-1])
    moved = skip > 0 or place != ANYWHERE
    if ids and moved and (more or not back):
        places["prev"] = turn.before(ids[0])
    if moved:
        places["first"] = None
    return link_header(request, {rel: str(target) if target else None for rel, target in places.items()})


def link_header(request: Request, cursors: Mapping[str, str | None]) -> dict[str, str]:
    """`Link` with the request's own address and query, each with another cursor."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "skip", "after")]
    parts = []
    for rel, cursor in cursors.items():
        query = urlencode([*kept, ("cursor", cursor)] if cursor else kept)
        parts.append(f'<{request.url.path}{f"?{query}" if query else ""}>; rel="{rel}"')
    return {"Link": ", ".join(parts)} if parts else {}
