"""What pages and live views need from the application, built once per process."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from application.ports.queries.health_metrics import HealthMetricsReader
from application.ports.queries.reader import ArchivedFilter, Reader
from application.ports.system.clock import Clock
from application.ports.system.disk_space import DiskSpace
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from application.queries.explain_day.explain_day import ExplainDay
from application.queries.schedules.calendar import LoadCalendar
from application.queries.schedules.definition_preview import PreviewDefinition
from application.queries.schedules.expectations import JudgeExpectations
from application.queries.schedules.preview import PreviewTicks, TickPreview
from application.queries.views.pipelines import BoardRow
from application.services.flow_runs.log_interest import LogInterest
from domain.access.permissions import Permission
from domain.errors import HeadgateError
from domain.schedules.words import ExplainCron
from entrypoints.container import Application
from entrypoints.http.auth.caller import get_caller
from entrypoints.web.live.broadcaster import LiveBroadcaster
from entrypoints.web.live.incident_summary import IncidentSummary
from entrypoints.web.live.page_frame import LivePageFrame
from entrypoints.web.live.waiting_count import WaitingCounter
from entrypoints.web.prefect_pages import PrefectPages
from entrypoints.web.run_context_cache import RunContextCache
from entrypoints.web.shared_read import SharedRead


@dataclass(frozen=True, slots=True)
class PageContext:
    """The readers, caches and settings that pages use."""

    reader: Reader
    board: SharedRead[list[BoardRow]]
    archived_board: SharedRead[list[BoardRow]]
    clock: Clock
    run_contexts: RunContextCache
    live: LiveBroadcaster
    waiting_counter: WaitingCounter
    incident_summary: IncidentSummary
    orchestrator: OrchestratorHealth
    health_metrics: HealthMetricsReader
    disk_space: DiskSpace
    retention_days: tuple[float, float]
    """Days that events and logs are kept; 0 means forever."""
    preview_ticks: PreviewTicks
    preview_definition: PreviewDefinition
    load_calendar: LoadCalendar
    explain_cron: ExplainCron
    expectations: JudgeExpectations
    explain_day: ExplainDay
    prefect: PrefectPages
    datadog_site: str | None = None
    log_interest: LogInterest = field(default_factory=LogInterest)
    rendered_board_rows: dict[int, tuple[object, str]] = field(default_factory=dict)
    """The board's rows by pipeline id: the state each was rendered from, and its HTML."""
    next_ticks: dict[int, tuple[object, Sequence[TickPreview]]] = field(default_factory=dict)
    """The next ticks by schedule id, with the state that they were computed from."""

    def now(self) -> datetime:
        """Return the current time."""
        return self.clock.now()


def get_page_context(request: Request) -> PageContext:
    """Return the application's page context. The first page builds it and stores it in `app.state.page_context`."""
    state = request.app.state
    context = getattr(state, "page_context", None)
    if not isinstance(context, PageContext):
        context = state.page_context = build_page_context(state.application)
    return context


def build_page_context(application: Application) -> PageContext:
    """Build a page context from the application's adapters and settings."""
    adapters, settings = application.adapters, application.settings()
    reader, clock = adapters.reader(), adapters.clock()
    waiting_counter, incident_summary = WaitingCounter(reader), IncidentSummary(reader)
    orchestrator = OrchestratorHealth(adapters.orchestrator())
    loader = RunContextLoader(reader, clock, orchestrator, application.warm_pools())
    return PageContext(
        reader,
        SharedRead(lambda: reader.board()),
        SharedRead(lambda: reader.board(ArchivedFilter.ONLY)),
        clock,
        RunContextCache(reader, loader),
        LiveBroadcaster(application.hub(), LivePageFrame(waiting_counter, incident_summary)),
        waiting_counter,
        incident_summary,
        orchestrator,
        adapters.health_metrics(),
        adapters.disk_space(),
        (float(settings.keep_events_days), float(settings.keep_logs_days)),
        application.preview_ticks(),
        PreviewDefinition(adapters.open_unit_of_work(), adapters.schemas(), adapters.cron_expressions(), application.preview_ticks()),
        LoadCalendar(reader, adapters.cron_expressions()),
        adapters.cron_expressions().explain,
        application.judge_expectations(),
        application.explain_day(),
        PrefectPages.from_settings(settings),
        getattr(settings, "dd_site", None),
        application.log_interest(),
    )


async def load_page_frame(request: Request) -> None:
    """Load what every page shows around its content, if the user may read; nothing if the store does not respond.

    This is the number beside "Waiting" in the navigation, the number of open incidents, and the channels that do not deliver.
    """
    state, context = request.state, get_page_context(request)
    state.waiting, state.incidents, state.broken_channels = 0, 0, ()
    if get_caller(request).has_permission(Permission.READ):
        with suppress(HeadgateError):
            state.waiting = await context.waiting_counter.count()
            found = await context.incident_summary.load()
            state.incidents, state.broken_channels = found.count, found.broken_channels
