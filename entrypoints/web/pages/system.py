"""How Headgate itself is doing."""

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live.system_page import LiveSystemPage
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_system

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])


@router.get("/ui/system")
@requires(READ)
async def system(request: Request) -> Response:
    """It answers while the store does not."""
    view = LiveSystemPage(get_page_context(request))
    state = await view.check_system()
    if wants_text(request):
        return text_response(format_system(state))
    return render_page(
        request, "system.html", section="system", css=("waiting.css", "access.css"), state=state, drawing=view.render_state(state)
    )
