"""How Headgate itself is doing."""

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live_system import SystemView
from entrypoints.web.plain import plain_answer, wants_plain
from entrypoints.web.plain_pages import system_as_text
from entrypoints.web.site import frame_of, site_of
from entrypoints.web.templating import page

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])


@router.get("/ui/system")
@requires(READ)
async def system(request: Request) -> Response:
    """It answers while the store does not."""
    view = SystemView(site_of(request))
    state = await view.look()
    if wants_plain(request):
        return plain_answer(system_as_text(state))
    return page(request, "system.html", section="system", css=("waiting.css", "access.css"), state=state, drawing=view.draw_state(state))
