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
CursorParam = Annotated[
    str | None, Query(max_length=100, description="A place in the list, from a `Link` of an earlier answer; `skip` counts from there.")
]
_POSITION = re.compile(r"([<>])(\d{1,19})")


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Between two items, by their ids: those above `above`, or below `below`; anywhere when neither is given."""

    above: int | None = None
    below: int | None = None

    def __str__(self) -> str:
        plain = f">{self.above}" if self.above is not None else f"<{self.below}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


UNBOUNDED = PagePosition()


def parse_cursor(cursor: str | None) -> PagePosition:
    """InvalidInput for what is no cursor of ours."""
    if cursor is None:
        return UNBOUNDED
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    found = _POSITION.fullmatch(plain)
    if found is None or int(found[2]) >= 2**63:
        raise InvalidInput.of("cursor", "is a cursor from a Link of this list")
    return PagePosition(above=int(found[2])) if found[1] == ">" else PagePosition(below=int(found[2]))


@dataclass(frozen=True, slots=True)
class SortOrder:
    """Which way a list runs: `rising` by id, or falling. Says where a page's neighbours are."""

    ascending: bool

    def after(self, id: int) -> PagePosition:
        return PagePosition(above=id) if self.ascending else PagePosition(below=id)

    def before(self, id: int) -> PagePosition:
        return PagePosition(below=id) if self.ascending else PagePosition(above=id)

    def is_backward(self, position: PagePosition) -> bool:
        return position != UNBOUNDED and (position.below is not None) is self.ascending


def take_page(found: Sequence[Item], limit: int, order: SortOrder, position: PagePosition) -> tuple[Sequence[Item], bool]:
    """The page of what was found with one item too many, and whether there was that one."""
    more = len(found) > limit
    if not more:
        return found, False
    return (found[1:] if order.is_backward(position) else found[:limit]), True


def build_page_links(
    request: Request, ids: Sequence[int], order: SortOrder, position: PagePosition, skip: int, more: bool
) -> dict[str, str]:
    """The Link header of a page with these ids: `next` and `prev` where there is such a page, and `first`."""
    back = order.is_backward(position)
    positions: dict[str, PagePosition | None] = {}
    if ids and (more or back):
        positions["next"] = order.after(ids[-1])
    moved = skip > 0 or position != UNBOUNDED
    if ids and moved and (more or not back):
        positions["prev"] = order.before(ids[0])
    if moved:
        positions["first"] = None
    return build_link_header(request, {rel: str(target) if target else None for rel, target in positions.items()})


def build_link_header(request: Request, cursors: Mapping[str, str | None]) -> dict[str, str]:
    """`Link` with the request's own address and query, each with another cursor."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "skip", "after")]
    parts = []
    for rel, cursor in cursors.items():
        query = urlencode([*kept, ("cursor", cursor)] if cursor else kept)
        parts.append(f'<{request.url.path}{f"?{query}" if query else ""}>; rel="{rel}"')
    return {"Link": ", ".join(parts)} if parts else {}
