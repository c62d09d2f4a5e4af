"""Silences: the list, the form that creates one, and its end."""

from contextlib import suppress

from fastapi import APIRouter, Depends, Request, Response

from application.commands.alerts.create_silence import NewSilence
from application.queries.views.alerts import SilenceView
from domain.errors import Conflict, InvalidInput, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, READ, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.ids import parse_id
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.live.alerts.silences import LiveSilenceList
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.alerts.silences import DURATIONS, SCOPES, UNTIL, SilenceForm, build_silence_item

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("alerts.css", "access.css")
PATH = "/ui/silences"


@router.get(PATH)
@requires(READ)
async def list_silences(request: Request, ended: str = "", pipeline: str = "") -> Response:
    """Show the silences that are active or planned, or all, and the form for a new one, with a pipeline preselected if one is given."""
    return await _render_list(request, SilenceForm.create(pipeline[:200]), bool(ended), 200)


@router.post(PATH)
@requires(OPERATE)
async def create_silence(request: Request) -> Response:
    """Create the silence, or show the form again with its errors."""
    form = SilenceForm.parse(await parse_flat_form(request))
    try:
        new = NewSilence(form.pipeline, form.tag, form.starts_at, form.ends, form.texts["reason"])
        await get_application(request).create_silence()(new, get_actor(request))
    except InvalidInput as error:
        return await _render_list(request, form.with_problems(error.problems), False, 422)
    except NotFound as error:
        return await _render_list(request, form.with_sentence(str(error)), False, 422)
    return redirect(PATH)


@router.get(f"{PATH}/{{silence_id}}/end")
@requires(OPERATE)
async def show_end_form(request: Request, silence_id: str) -> Response:
    """Ask for confirmation."""
    silence = await _require_silence(request, silence_id)
    item = build_silence_item(silence, get_page_context(request).now())
    return render_page(request, "alerts/end_silence.html", section="system", css=CSS, silence=item)


@router.post(f"{PATH}/{{silence_id}}/end")
@requires(OPERATE)
async def end_silence(request: Request, silence_id: str) -> Response:
    """End the silence now."""
    silence = await _require_silence(request, silence_id)
    with suppress(Conflict):  # it is over already, as the list shows
        await get_application(request).end_silence()(silence.id, get_actor(request))
    return redirect(PATH)


async def _require_silence(request: Request, silence_id: str) -> SilenceView:
    context, number = get_page_context(request), parse_id(silence_id)
    silence = await context.reader.silence(number) if number is not None else None
    if silence is None:
        raise NotFound("silence", silence_id)
    return silence


async def _render_list(request: Request, form: SilenceForm, has_ended: bool, status: int) -> Response:
    context = get_page_context(request)
    pipelines = sorted(row.pipeline.name for row in await context.board.load())
    return render_page(
        request,
        "alerts/silences.html",
        status,
        section="system",
        css=CSS,
        rendered=await LiveSilenceList(context, has_ended).render(),
        has_ended=has_ended,
        form=form,
        scopes=list(SCOPES.items()),
        pipelines=[("", "choose one"), *((name, name) for name in pipelines)],
        durations=[*((key, word) for key, (word, _) in DURATIONS.items()), (UNTIL, "until the time below")],
    )
