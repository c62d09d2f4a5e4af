"""The live calendar. It is counted again now and then, however many viewers it has and however much happens."""

import asyncio
from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.schedules.calendar import LoadCalendar
from entrypoints.web.calendar_query import CalendarQuery
from entrypoints.web.live.view import NO_EFFECT, ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.schedules.calendar import CalendarPage, build_calendar

REFRESH_SECONDS = 10.0


class LiveCalendar(LiveView):
    """The calendar of a day or week."""

    def __init__(self, context: PageContext, query: CalendarQuery) -> None:
        self._context = context
        self._query = query

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return NO_EFFECT

    async def render(self) -> RenderedView:
        return self.render_calendar(await self.load())

    async def load(self) -> CalendarPage:
        """Count the ticks. Other tasks run while thousands of counts are put into the table."""
        now = self._context.now()
        load: LoadCalendar = self._context.load_calendar
        calendar = await load(self._query.start, self._query.end, self._query.step, now)
        return await asyncio.to_thread(build_calendar, calendar, self._query, now)

    def render_calendar(self, calendar: CalendarPage) -> RenderedView:
        """Render a calendar that the caller has loaded."""
        fragments = {"calendar": str(render("live/calendar.html", calendar=calendar, is_week=self._query.is_week))}
        return RenderedView(fragments, sha256(fragments["calendar"].encode()).hexdigest()[:12], REFRESH_SECONDS)
