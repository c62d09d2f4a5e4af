"""Rows of run lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_elapsed
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import (
    DASH,
    StatusLabel,
    Timestamp,
    describe_trigger,
    format_count,
    format_parameters,
    format_timestamp,
    get_status_label,
)

EXPLAINED = (Status.FAILED, Status.LOST, Status.WAITING)


@dataclass(frozen=True, slots=True)
class RunItem:
    """A run. `since` is set while it is running."""

    id: int
    number: str
    pipeline: str
    status: StatusLabel
    created: Timestamp | None
    duration: str
    since: Timestamp | None
    records: str
    trigger: str
    parameters: str
    status_text: str


def build_run_items(runs: Sequence[RunView], now: datetime) -> list[RunItem]:
    """Return a row for each run."""
    return [_build_item(run, now) for run in runs]


def _build_item(run: RunView, now: datetime) -> RunItem:
    started = run.started_at
    return RunItem(
        id=run.id,
        number=str(run.number),
        pipeline=run.pipeline,
        status=get_status_label(run.status),
        created=format_timestamp(run.created_at),
        duration=format_elapsed(run.finished_at or now, started) if started else DASH,
        since=format_timestamp(started if started and not run.finished_at else None),
        records=format_count(run.records_processed),
        trigger=describe_trigger(run.trigger, run.actor),
        parameters=format_parameters(run.parameters),
        status_text=_describe_status(run, now),
    )


def _describe_status(run: RunView, now: datetime) -> str:
    """Return how the run ended, or that it waits for a slot. Its page says for which, since a list does not ask who holds them."""
    if run.waits_for_slot:
        return "Waiting for a slot of a concurrency limit."
    return str(explain_run(run, RunContext(now))) if run.status in EXPLAINED else ""
