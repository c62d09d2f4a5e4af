"""The confirmation page of a link in a message. Mail scanners open links, so that GET changes nothing and only POST acts."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from application.queries.alerts.describe_link import LinkState
from domain.errors import Conflict, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.alerts.links import LinkPage, build_link_page, build_link_result

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


_STATUSES: Final = {LinkState.VALID: 200, LinkState.UNKNOWN: 404, LinkState.USED: 410, LinkState.EXPIRED: 410}


@router.get("/ui/links/{token}")
@requires(AccessLevel.PUBLIC)
async def show_link(request: Request, token: str) -> Response:
    """Show what the link would do. Used, expired and unknown links each have their sentence."""
    return await _render_state(request, token)


@router.post("/ui/links/{token}")
@requires(AccessLevel.PUBLIC)
async def use_link(request: Request, token: str) -> Response:
    """Do what the link says, once."""
    try:
        link = await get_application(request).use_link()(token, get_actor(request))
    except (Conflict, NotFound) as error:
        return await _render_state(request, token, str(error))
    get_page_context(request).incident_summary.forget()
    return _render(request, build_link_result(link), 200)


async def _render_state(request: Request, token: str, problem: str = "") -> Response:
    """Render the link as it is now; with a problem if its action is not possible, for instance because the incident is resolved."""
    link = await get_application(request).describe_link()(token)
    page = build_link_page(link)
    if problem and link.state is LinkState.VALID:
        return _render(request, LinkPage("Not possible now", page.subject, problem, "", page.href), 409)
    return _render(request, page, _STATUSES[link.state])


def _render(request: Request, link: LinkPage, status: int) -> Response:
    return render_page(request, "alerts/link.html", status, css=("access.css",), link=link)
