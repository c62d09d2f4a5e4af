"""What every page needs of the application, gathered once per process."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from application.ports.queries.health_metrics import HealthMetricsReader
from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.ports.system.disk_space import DiskSpace
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from domain.access.permissions import Permission
from domain.errors import HeadgateError
from entrypoints.container import Application
from entrypoints.http.auth.caller import get_caller
from entrypoints.web.live.broadcaster import LiveBroadcaster
from entrypoints.web.live.waiting_count import WaitingCounter
from entrypoints.web.run_context_cache import RunContextCache


@dataclass(frozen=True, slots=True)
class PageContext:
    reader: Reader
    clock: Clock
    run_context_cache: RunContextCache
    live: LiveBroadcaster
    waiting_counter: WaitingCounter
    engine: OrchestratorHealth
    vitals: HealthMetricsReader
    disk_space: DiskSpace
    retention_days: tuple[float, float]
    """Days for which histories and logs are kept; 0 is for ever."""
    prefect_url: str | None
    datadog_site: str | None = None
    rendered_board_rows: dict[int, tuple[object, str]] = field(default_factory=dict)
    """The board's rows as they were last drawn, by pipeline, with what they showed."""

    def now(self) -> datetime:
        return self.clock.now()


def get_page_context(request: Request) -> PageContext:
    """The application's site, made at the first page and kept on `app.state.site`."""
    state = request.app.state
    site = getattr(state, "site", None)
    if not isinstance(site, PageContext):
        site = state.site = build_page_context(state.application)
    return site


def build_page_context(application: Application) -> PageContext:
    adapters, settings = application.adapters, application.settings()
    reader, clock = adapters.reader(), adapters.clock()
    waiting_counter = WaitingCounter(reader)
    engine = OrchestratorHealth(adapters.orchestrator(), clock)
    look_around = RunContextLoader(reader, clock, engine, application.warm_pools())
    pages = getattr(settings, "prefect_pages_url", None)
    return PageContext(
        reader,
        clock,
        RunContextCache(reader, look_around),
        LiveBroadcaster(application.hub(), waiting_counter),
        waiting_counter,
        engine,
        adapters.health_metrics(),
        adapters.disk_space(),
        (float(settings.keep_events_days), float(settings.keep_logs_days)),
        str(pages) if pages else None,
        getattr(settings, "dd_site", None),
    )


async def load_waiting_count(request: Request) -> None:
    """Before a page is made: what its frame shows to whoever may see it. A store that does not answer is the page's own business."""
    request.state.waiting = 0
    if get_caller(request).has_permission(Permission.READ):
        with suppress(HeadgateError):
            request.state.waiting = await get_page_context(request).waiting_counter.count()
