"""What every page needs of the application, gathered once per process."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from application.ports.clock import Clock
from application.ports.readers import Reader
from application.queries.surroundings import EngineHealth, LookAround
from entrypoints.container import Application
from entrypoints.web.live import Live
from entrypoints.web.surroundings import Surveyor


@dataclass(frozen=True, slots=True)
class Site:
    reader: Reader
    clock: Clock
    surveyor: Surveyor
    live: Live
    prefect_pages: str | None
    datadog_site: str | None = None

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
    look_around = LookAround(reader, clock, EngineHealth(adapters.orchestrator(), clock), application.warm_pools())
    pages = getattr(settings, "prefect_pages_url", None)
    return Site(
        reader,
        clock,
        Surveyor(reader, look_around),
        Live(application.hub()),
        str(pages) if pages else None,
        getattr(settings, "dd_site", None),
    )
