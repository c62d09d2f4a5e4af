"""The list of channels, and one channel."""

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live.alerts.channels import LiveChannelList, LiveChannelPage
from entrypoints.web.once_shown import read_shown_secret
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("alerts.css", "access.css", "run.css")
PATH = "/ui/channels"


@router.get(PATH)
@requires(READ)
async def list_channels(request: Request) -> Response:
    """Show all channels with their proof, their waiting messages and what sends to them."""
    rendered = await LiveChannelList(get_page_context(request)).render_page()
    return render_page(request, "alerts/channels.html", section="system", css=CSS, rendered=rendered)


@router.get(f"{PATH}/{{name}}")
@requires(READ)
async def show_channel(request: Request, name: str) -> Response:
    """Show a channel with its newest messages."""
    return await render_channel(request, name, 200)


async def render_channel(request: Request, name: str, status: int, result: str = "", is_sent: bool = False) -> Response:
    """Render the page of a channel, with what became of a test message if one was sent."""
    live = LiveChannelPage(get_page_context(request), name)
    loaded = await live.load()
    return render_page(
        request,
        "alerts/channel.html",
        status,
        section="system",
        css=CSS,
        name=name,
        rendered=live.render_channel(loaded),
        result=result,
        is_sent=is_sent,
        secret=read_shown_secret(request),
    )
