"""Explain a day of a pipeline that runs at no set time."""

from collections import Counter
from datetime import UTC, date, datetime

from application.ports.queries.reader import Reader
from application.queries.explain_day.entries import MAX_RUN_IDS, DayReason, DayState, ExplainedTicks
from application.queries.explain_day.local_clock import pluralize
from application.queries.explain_day.timeline import get_local_day
from application.queries.views.pipelines import PipelineView

MAX_RUNS = 1_000
_WORDS = {
    "api": "by the API",
    "backfill": "by a backfill",
    "cli": "from the command line",
    "dashboard": "from the dashboard",
    "report": "by a report",
    "schedule": "by a schedule",
}


async def explain_unscheduled(reader: Reader, pipeline: PipelineView, day: date, now: datetime) -> ExplainedTicks:
    """Return who started the runs of the day, which is one in UTC."""
    local = get_local_day(day, UTC)
    runs = await reader.run_times_between(pipeline.id, local.start, local.end, MAX_RUNS)
    by_trigger = Counter(run.trigger for run in runs)
    if pipeline.created_at >= local.end:
        message = f"{pipeline.name} did not exist yet: it was created on {pipeline.created_at:%Y-%m-%d at %H:%M} UTC"
    else:
        had = "has" if local.end > now else "had"
        message = f"{pipeline.name} {had} no schedule: users, the API, the command line or reports start it. {_describe(by_trigger)}"
    return ExplainedTicks(
        pipeline.name,
        UTC,
        local.start,
        local.end,
        0,
        DayState.NOT_DUE,
        DayReason.NO_SCHEDULE.value,
        message,
        run_ids=[run.id for run in runs[:MAX_RUN_IDS]],
        runs=len(runs),
    )


def _describe(by_trigger: Counter[str]) -> str:
    total = sum(by_trigger.values())
    if not total:
        return "No run was started on this day (UTC)"
    number = f"{total:,} or more runs were" if total >= MAX_RUNS else f"{pluralize(total, 'run')} {'was' if total == 1 else 'were'}"
    parts = [f"{count:,} {_WORDS.get(kind, f'by {kind}')}" for kind, count in by_trigger.most_common()]
    return f"{number} started on this day (UTC): {', '.join(parts)}"
