"""What every page needs of the application, gathered once per process."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from application.ports.clock import Clock
from application.ports.disk_space import DiskSpace
from application.ports.readers import Reader
from application.ports.vitals import Vitals
from application.queries.surroundings import EngineHealth, LookAround
from domain.access import Permission
from domain.errors import HeadgateError
from entrypoints.container import Application
from entrypoints.http.auth.caller import caller_of
from entrypoints.web.live import Live
from entrypoints.web.live_frame import FrameNews
from entrypoints.web.surroundings import Surveyor


@dataclass(frozen=True, slots=True)
class Site:
    reader: Reader
    clock: Clock
    surveyor: Surveyor
    live: Live
    news: FrameNews
    engine: EngineHealth
    vitals: Vitals
    disk_space: DiskSpace
    keeps: tuple[float, float]
    """Days for which histories and logs are kept; 0 is for ever."""
    prefect_pages: str | None
    datadog_site: str | None = None
    board_rows: dict[int, tuple[object, str]] = field(default_factory=dict)
    """The board's rows as they were last drawn, by pipeline, with what they showed."""

    def now(self) -> datetime:
        return self.clock.now()


def site_of(request: Request) -> Site:
    """The application's site, made at the first page and kept on `app.state.site`."""
    state = request.app.state
    site = getattr(state, "site", None)
    if not isinstance(site, Site):
        site = state.site = make_site(state.application)
    return site


def make_site(application: Application) -> Site:
    adapters, settings = application.adapters, application.settings()
    reader, clock = adapters.reader(), adapters.clock()
    news = FrameNews(reader)
    engine = EngineHealth(adapters.orchestrator(), clock)
    look_around = LookAround(reader, clock, engine, application.warm_pools())
    pages = getattr(settings, "prefect_pages_url", None)
    return Site(
        reader,
        clock,
        Surveyor(reader, look_around),
        Live(application.hub(), news),
        news,
        engine,
        adapters.vitals(),
        adapters.disk_space(),
        (float(settings.keep_events_days), float(settings.keep_logs_days)),
        str(pages) if pages else None,
        getattr(settings, "dd_site", None),
    )


async def frame_of(request: Request) -> None:
    """Before a page is made: what its frame shows to whoever may see it. A store that does not answer is the page's own business."""
    request.state.waiting = 0
    if caller_of(request).may(Permission.READ):
        with suppress(HeadgateError):
            request.state.waiting = await site_of(request).news.count()
