"""The calendar of the day and week over all pipelines."""

from dataclasses import replace

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.calendar_query import CalendarQuery
from entrypoints.web.live.calendar import LiveCalendar
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_calendar

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/schedule")
@requires(READ)
async def show_schedule(request: Request, view: str = "", day: str = "", zone: str = "") -> Response:
    """Show what ran by a schedule and what is due: by the hour for a day, by the day for a week."""
    context = get_page_context(request)
    query = CalendarQuery.parse(view, day, zone, context.now())
    live = LiveCalendar(context, query)
    calendar = await live.load()
    if wants_text(request):
        return text_response(format_calendar(calendar, query.zone))
    rendered = live.render_calendar(calendar)
    today = CalendarQuery.parse(view, "", zone, context.now())
    return render_page(
        request,
        "schedule.html",
        section="schedule",
        css=("schedule.css",),
        query=query,
        title=calendar.title,
        rendered=rendered,
        day_url=replace(query, is_week=False).get_url(),
        week_url=CalendarQuery.parse("week", query.day.isoformat(), zone, context.now()).get_url(),
        earlier=query.move(-1).get_url(),
        later=query.move(1).get_url(),
        today=today.get_url(),
        stream=f"{query.get_url('/ui/live/schedule')}&seen={rendered.digest}",
    )
