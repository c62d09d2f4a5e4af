"""The forms that create and change channels. They also work without scripts."""

from fastapi import APIRouter, Depends, Request, Response

from application.commands.alerts.change_channel import ChannelChange
from application.commands.alerts.create_channel import NewChannel
from domain.alerts.channel import ChannelKind
from domain.errors import Conflict, InvalidInput
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.live.alerts.channels import LiveChannelPage
from entrypoints.web.lookups import get_application
from entrypoints.web.once_shown import redirect_with_secret
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.alerts.channels import CSS, PATH
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.alerts.channel_form import ChannelForm
from entrypoints.web.view_models.alerts.channels import KIND_HELP, KIND_WORDS

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/new-channel")
@requires(ADMIN)
async def show_new_form(request: Request, kind: str = "") -> Response:
    """Ask for the settings of a channel of a kind: a webhook, unless the address names another."""
    return await _render_form(request, ChannelForm.create(_parse_kind(kind)), 200)


@router.post("/ui/new-channel")
@requires(ADMIN)
async def create_channel(request: Request, kind: str = "") -> Response:
    """Create the channel and lead to its page, which shows a webhook's secret; or show the form again with its errors."""
    form = ChannelForm.create(_parse_kind(kind)).parse(await parse_flat_form(request))
    new = NewChannel(form.texts["name"], form.kind, form.settings, form.texts["fallback"] or None, form.drill)
    try:
        created = await get_application(request).create_channel()(new, get_actor(request))
    except InvalidInput as error:
        return await _render_form(request, form.with_problems(error.problems), 422)
    except Conflict as error:
        return await _render_form(request, form.with_sentence(str(error)), 409)
    return _show_channel(request, created.name, created.secret)


@router.get(f"{PATH}/{{name}}/edit")
@requires(ADMIN)
async def show_edit_form(request: Request, name: str) -> Response:
    """Show the form with blank settings, which keep what is stored."""
    loaded = await LiveChannelPage(get_page_context(request), name).load()
    return await _render_form(request, ChannelForm.edit(loaded.channel), 200)


@router.post(f"{PATH}/{{name}}/edit")
@requires(ADMIN)
async def change_channel(request: Request, name: str) -> Response:
    """Change the channel; or show the form again with its errors."""
    loaded = await LiveChannelPage(get_page_context(request), name).load()
    form = ChannelForm.edit(loaded.channel).parse(await parse_flat_form(request))
    was_disabled = loaded.channel.disabled_at is not None
    change = ChannelChange(
        settings=form.settings or None,
        fallback=form.texts["fallback"] or None,
        drill=form.drill,
        disabled=form.disabled if form.disabled is not was_disabled else None,  # so that new settings enable a channel
    )
    try:
        secret = await get_application(request).change_channel()(name, change, get_actor(request))
    except InvalidInput as error:
        return await _render_form(request, form.with_problems(error.problems), 422)
    except Conflict as error:
        return await _render_form(request, form.with_sentence(str(error)), 409)
    return _show_channel(request, name, secret)


def _parse_kind(text: str) -> ChannelKind:
    return ChannelKind(text) if text in list(ChannelKind) else ChannelKind.WEBHOOK


async def _render_form(request: Request, form: ChannelForm, status: int) -> Response:
    channels = await get_page_context(request).reader.channels()
    return render_page(
        request,
        "alerts/channel_form.html",
        status,
        section="system",
        css=CSS,
        form=form,
        kinds=[(kind.value, word) for kind, word in KIND_WORDS.items()],
        kind_help=KIND_HELP[form.kind],
        fallbacks=[(each.name, each.name) for each in channels if form.is_new or each.name != form.texts["name"]],
    )


def _show_channel(request: Request, name: str, secret: str | None) -> Response:
    """Lead to the channel's page, with a new secret if there is one."""
    path = f"{PATH}/{name}"
    return redirect(path) if secret is None else redirect_with_secret(request, path, secret)
