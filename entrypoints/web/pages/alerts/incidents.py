"""The list of incidents, and one incident."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from domain.alerts.incident import IncidentState
from domain.errors import NotFound
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.ids import parse_id
from entrypoints.web.incident_query import ALL, IncidentQuery
from entrypoints.web.live.alerts.incident_page import LiveIncidentPage
from entrypoints.web.live.alerts.incidents import LISTED, LiveIncidentList
from entrypoints.web.lookups import require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.text_incidents import format_incident, format_incidents
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.view_models.alerts.incident_item import build_incident_item, build_incident_items
from entrypoints.web.view_models.alerts.incident_page import build_incident_page
from entrypoints.web.view_models.alerts.labels import INCIDENT_LABELS

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("alerts.css", "run.css")
PATH = "/ui/incidents"


@dataclass(frozen=True, slots=True)
class StateFilter:
    """A filter link. Its address keeps the pipeline."""

    word: str
    href: str
    is_chosen: bool


@router.get(PATH)
@requires(READ)
async def list_incidents(request: Request, state: str = "", pipeline: str = "", before: str = "") -> Response:
    """Show the newest incidents, of all pipelines or of one: unresolved ones, those in a state, or all."""
    context = get_page_context(request)
    found = await require_pipeline(context, pipeline.strip()) if pipeline.strip() else None
    query = IncidentQuery.parse(state, found.id if found else None, before)
    live = LiveIncidentList(context, query)
    incidents = await live.load()
    if wants_text(request):
        return text_response(format_incidents(build_incident_items(incidents[:LISTED], context.now())))
    rendered = live.render_incidents(incidents)
    stream = query.get_url("/ui/live/incidents")
    return render_page(
        request,
        "alerts/incidents.html",
        section="incidents",
        css=CSS,
        rendered=rendered,
        query=query,
        pipeline=found,
        filters=_build_filters(query),
        without_pipeline=query.get_url(PATH, pipeline_id=None, before=None),
        stream=f"{stream}{'&' if '?' in stream else '?'}{urlencode({'seen': rendered.digest})}",
    )


@router.get(f"{PATH}/{{incident_id}}")
@requires(READ)
async def show_incident(request: Request, incident_id: str) -> Response:
    """Show an incident: the error, the run's waterfall, what happened, which messages were sent, and what to do."""
    context = get_page_context(request)
    live = LiveIncidentPage(context, require_incident_id(incident_id))
    loaded = await live.load()
    if wants_text(request):
        return text_response(format_incident(build_incident_page(loaded.detail, context.now())))
    return render_page(
        request,
        "alerts/incident.html",
        section="incidents",
        css=CSS,
        item=build_incident_item(loaded.detail.incident, context.now()),
        rendered=await live.render_incident(loaded),
    )


def require_incident_id(text: str) -> int:
    """Return the id that a path holds. Raise NotFound for a text that is none."""
    number = parse_id(text)
    if number is None:
        raise NotFound("incident", text)
    return number


def _build_filters(query: IncidentQuery) -> list[StateFilter]:
    words = {"": "Unresolved", **{state.value: INCIDENT_LABELS[state].word for state in IncidentState}, ALL: "All"}
    return [StateFilter(word, query.get_url(PATH, state=state, before=None), query.state == state) for state, word in words.items()]
