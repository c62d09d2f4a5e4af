"""Rows of run lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.views.runs import RunView
from domain.runs.active_time import get_active_seconds, get_active_since
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
    """A run. `duration` is its active time; `since` is set while that grows."""

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
    active = get_active_seconds(run, now)
    return RunItem(
        id=run.id,
        number=str(run.number),
        pipeline=run.pipeline,
        status=get_status_label(run.status),
        created=format_timestamp(run.created_at),
        duration=format_duration(active) if active is not None else DASH,
        since=format_timestamp(get_active_since(run)),
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
