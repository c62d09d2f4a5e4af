"""The state of Headgate itself."""

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live.system_page import LiveSystemPage
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_system

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("waiting.css", "access.css")


@router.get("/ui/system")
@requires(READ)
async def show_system(request: Request) -> Response:
    """Show each component's state. The page works without the database."""
    page = LiveSystemPage(get_page_context(request))
    state = await page.check_system()
    if wants_text(request):
        return text_response(format_system(state))
    return render_page(request, "system.html", section="system", css=CSS, state=state, rendered=page.render_state(state))
