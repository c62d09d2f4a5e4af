"""Test and delete channels."""

from fastapi import APIRouter, Depends, Request, Response

from domain.alerts.delivery import DeliveryState
from domain.errors import Conflict
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.live.alerts.channels import LiveChannelPage
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.alerts.channels import CSS, PATH, render_channel
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.alerts.channels import build_channel_item

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.post(f"{PATH}/{{name}}/test")
@requires(ADMIN)
async def test_channel(request: Request, name: str) -> Response:
    """Send a test message through the real path, and show what became of it."""
    found = await get_application(request).test_channel()(name, get_actor(request))
    took = f" in {found.seconds:.1f} s" if found.seconds is not None else ""
    match found.state:
        case DeliveryState.SENT:
            result = f"The test message was sent{took}. Confirm its receipt with the link in it."
        case DeliveryState.SCHEDULED:
            result = f"The test message was not sent yet: {found.error or 'the receiver has not responded'}. Headgate will retry."
        case _:
            result = f"The test message was not sent: {found.error or 'unknown reason'}."
    return await render_channel(request, name, 200, result=result, is_sent=found.state is DeliveryState.SENT)


@router.get(f"{PATH}/{{name}}/delete")
@requires(ADMIN)
async def show_delete_form(request: Request, name: str) -> Response:
    """Ask for confirmation, and say what uses the channel."""
    return await _render_delete_form(request, name, "", 200)


@router.post(f"{PATH}/{{name}}/delete")
@requires(ADMIN)
async def delete_channel(request: Request, name: str) -> Response:
    """Delete the channel, or say what uses it."""
    try:
        await get_application(request).delete_channel()(name, get_actor(request))
    except Conflict as error:
        return await _render_delete_form(request, name, str(error), 409)
    return redirect(PATH)


async def _render_delete_form(request: Request, name: str, problem: str, status: int) -> Response:
    loaded = await LiveChannelPage(get_page_context(request), name).load()
    item = build_channel_item(loaded.channel, loaded.is_broken)
    return render_page(request, "alerts/delete_channel.html", status, section="system", css=CSS, channel=item, problem=problem)
