"""Acknowledge, snooze and resolve incidents. The forms also work without scripts."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from domain.errors import Conflict, InvalidInput
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.live.alerts.incident_page import LiveIncidentPage
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.alerts.incidents import CSS, PATH, require_incident_id
from entrypoints.web.templating import render_page
from entrypoints.web.time_zones import get_local_day, parse_local_time, parse_time_zone
from entrypoints.web.view_models.alerts.incident_item import build_incident_item

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
ORIGINS: Final = {"board": "/", "list": PATH}
"""Pages to which a confirmation returns, by the name in its address."""
MORNING: Final = "09:00"
_HOURS: Final = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}


@router.get(f"{PATH}/{{incident_id}}/acknowledge")
@requires(OPERATE)
async def show_acknowledge_form(request: Request, incident_id: str) -> Response:
    """Ask for confirmation, for links of lists."""
    context = get_page_context(request)
    number = require_incident_id(incident_id)
    loaded = await LiveIncidentPage(context, number).load()
    origin = request.query_params.get("from", "")
    return render_page(
        request,
        "alerts/acknowledge.html",
        section="incidents",
        css=CSS,
        item=build_incident_item(loaded.detail.incident, context.now()),
        origin=origin if origin in ORIGINS else "",
        back=ORIGINS.get(origin, f"{PATH}/{number}"),
    )


@router.post(f"{PATH}/{{incident_id}}/acknowledge")
@requires(OPERATE)
async def acknowledge(request: Request, incident_id: str) -> Response:
    """Acknowledge the incident."""
    number = require_incident_id(incident_id)
    form = await parse_flat_form(request)
    with suppress(Conflict):  # it was resolved meanwhile: its page says how
        await get_application(request).acknowledge_incident()(number, get_actor(request))
    get_page_context(request).incident_summary.forget()
    return redirect(ORIGINS.get(form.get("from", ""), f"{PATH}/{number}"))


@router.post(f"{PATH}/{{incident_id}}/snooze")
@requires(OPERATE)
async def snooze(request: Request, incident_id: str) -> Response:
    """Snooze the incident for some hours, or until 9:00 of the viewer's next day."""
    number = require_incident_id(incident_id)
    form = await parse_flat_form(request)
    until = get_snooze_end(form.get("for", ""), parse_time_zone(form.get("zone", "")), get_page_context(request).now())
    with suppress(Conflict):
        await get_application(request).snooze_incident()(number, until, get_actor(request))
    get_page_context(request).incident_summary.forget()
    return redirect(f"{PATH}/{number}")


@router.post(f"{PATH}/{{incident_id}}/resolve")
@requires(OPERATE)
async def resolve(request: Request, incident_id: str) -> Response:
    """Resolve the incident."""
    number = require_incident_id(incident_id)
    with suppress(Conflict):
        await get_application(request).resolve_incident()(number, get_actor(request))
    get_page_context(request).incident_summary.forget()
    return redirect(f"{PATH}/{number}")


def get_snooze_end(choice: str, zone: str, now: datetime) -> datetime:
    """Return when a snooze ends. Raise InvalidInput for an unknown choice."""
    if choice in _HOURS:
        return now + _HOURS[choice]
    tomorrow = get_local_day(now, zone) + timedelta(days=1)
    end = parse_local_time(f"{tomorrow}T{MORNING}", zone) if choice == "tomorrow" else None
    if end is None:
        raise InvalidInput.for_field("for", "must be 1h, 4h or tomorrow")
    return end
