"""Pages of lists: opaque cursors that stay valid while items are added, and Link headers (RFC 8288)."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from fastapi import Request

from domain.errors import InvalidInput

Item = TypeVar("Item")
_POSITION = re.compile(r"([<>])(\d{1,19})")


@dataclass(frozen=True, slots=True)
class PagePosition:
    """A position in a list ordered by id: items with ids above `above`, or below `below`; the whole list if neither is set."""

    above: int | None = None
    below: int | None = None

    def __str__(self) -> str:
        plain = f">{self.above}" if self.above is not None else f"<{self.below}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


UNBOUNDED = PagePosition()


def parse_cursor(cursor: str | None) -> PagePosition:
    """Return the cursor's position. Raise InvalidInput if this API has not issued it."""
    if cursor is None:
        return UNBOUNDED
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    found = _POSITION.fullmatch(plain)
    if found is None or int(found[2]) >= 2**63:
        raise InvalidInput.for_field("cursor", "must be a cursor from a Link header of this list")
    return PagePosition(above=int(found[2])) if found[1] == ">" else PagePosition(below=int(found[2]))


@dataclass(frozen=True, slots=True)
class SortOrder:
    """The order of a list by id. It determines on which side of a page its neighbours are."""

    ascending: bool

    def after(self, id: int) -> PagePosition:
        return PagePosition(above=id) if self.ascending else PagePosition(below=id)

    def before(self, id: int) -> PagePosition:
        return PagePosition(below=id) if self.ascending else PagePosition(above=id)

    def is_backward(self, position: PagePosition) -> bool:
        """Return True if the position selects the page before an item."""
        return position != UNBOUNDED and (position.below is not None) is self.ascending


def take_page(found: Sequence[Item], limit: int, order: SortOrder, position: PagePosition) -> tuple[Sequence[Item], bool]:
    """Return the page, and whether more items follow. `found` has been read with one item more than the limit."""
    if len(found) <= limit:
        return found, False
    return (found[1:] if order.is_backward(position) else found[:limit]), True


def build_page_links(
    request: Request, ids: Sequence[int], order: SortOrder, position: PagePosition, skip: int, has_more: bool
) -> dict[str, str]:
    """Return the Link header of a page with these ids: `next` and `prev` if those pages exist, and `first`."""
    is_backward = order.is_backward(position)
    positions: dict[str, PagePosition | None] = {}
    if ids and (has_more or is_backward):
        positions["next"] = order.after(ids[-1])
    is_first = skip == 0 and position == UNBOUNDED
    if ids and not is_first and (has_more or not is_backward):
        positions["prev"] = order.before(ids[0])
    if not is_first:
        positions["first"] = None
    return build_link_header(request, {rel: str(target) if target else None for rel, target in positions.items()})


def build_next_link(request: Request, last_number: int, has_more: bool) -> dict[str, str]:
    """Return the Link header of a page of numbered items: `next` if more follow."""
    return build_link_header(request, {"next": str(PagePosition(above=last_number))}) if has_more else {}


def build_link_header(request: Request, cursors: Mapping[str, str | None]) -> dict[str, str]:
    """Return a Link header: the request's own path and query, with another cursor for each relation."""
    unchanged = [(name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "skip", "after")]
    parts = []
    for rel, cursor in cursors.items():
        query = urlencode([*unchanged, ("cursor", cursor)] if cursor else unchanged)
        parts.append(f'<{request.url.path}{f"?{query}" if query else ""}>; rel="{rel}"')
    return {"Link": ", ".join(parts)} if parts else {}
