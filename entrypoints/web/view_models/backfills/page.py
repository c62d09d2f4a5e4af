"""Backfills as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from application.queries.views.backfills import BackfillTickView, BackfillView
from domain.backfills.backfill import Backfill, BackfillState
from domain.backfills.plan import BackfillOrder, ExistingPolicy
from domain.backfills.tick import BackfillTickState
from domain.schedules.definition import Recurrence
from domain.schedules.local_times import format_end, format_start
from domain.schedules.ticks import get_zone
from entrypoints.web.charts.progress_bar import BarPart, lay_out_progress
from entrypoints.web.view_models.formatting import (
    DASH,
    StatusLabel,
    Timestamp,
    format_parameters,
    format_timestamp,
    get_status_label,
    pluralize,
    shorten_json,
)

MAX_MESSAGE_LENGTH: Final = 160
EXISTING_WORDS: Final = {
    ExistingPolicy.SKIP: "Ticks with a run are skipped",
    ExistingPolicy.FAILED: "Ticks whose newest run completed are skipped",
    ExistingPolicy.ALL: "Ticks with a run also run again",
}


@dataclass(frozen=True, slots=True)
class StateCount:
    """The number of ticks in a state, with the address of the list of them."""

    label: StatusLabel
    count: str
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class BackfillItem:
    """A backfill: a row of the list, and the head of its page. `summary` is the progress in words."""

    id: int
    pipeline: str
    pipeline_id: int
    state: StatusLabel
    what: str
    span: str
    created: Timestamp | None
    created_by: str
    bar: Sequence[BarPart]
    summary: str
    message: str


@dataclass(frozen=True, slots=True)
class BackfillTickItem:
    """A tick with its run."""

    position: str
    due: Timestamp | None
    label: StatusLabel
    run: str
    href: str
    message: str


@dataclass(frozen=True, slots=True)
class BackfillPage:
    """A backfill's page."""

    item: BackfillItem
    facts: Sequence[tuple[str, str]]
    counts: Sequence[StateCount]
    ticks: Sequence[BackfillTickItem]


def build_backfill_item(view: BackfillView) -> BackfillItem:
    """Return the row of a backfill."""
    backfill, plan = view.backfill, view.backfill.plan
    zone = get_zone(Recurrence(timezone=plan.timezone))
    return BackfillItem(
        id=view.id,
        pipeline=view.pipeline,
        pipeline_id=backfill.pipeline_id,
        state=StatusLabel(backfill.state.value, backfill.state.value.capitalize()),
        what=shorten_json(plan.schedule or plan.cron or "", 60),
        span=f"{format_start(plan.since, zone)} to {format_end(plan.until, zone)}",
        created=format_timestamp(backfill.created_at),
        created_by=backfill.created_by or "",
        bar=lay_out_progress(backfill.progress),
        summary=describe_progress(backfill),
        message=shorten_json(backfill.message or "", MAX_MESSAGE_LENGTH),
    )


def build_backfill_page(view: BackfillView, ticks: Sequence[BackfillTickView], chosen: BackfillTickState | None) -> BackfillPage:
    """Return the page of a backfill with some of its ticks."""
    return BackfillPage(
        build_backfill_item(view),
        _list_facts(view.backfill),
        [_build_count(view.backfill, state, chosen) for state in BackfillTickState],
        [_build_tick(tick) for tick in ticks],
    )


def describe_progress(backfill: Backfill) -> str:
    """Return the progress in words: "53 of 178 completed, 4 running, 1 failed"."""
    progress = backfill.progress
    rest = [f"{count:,} {name}" for name in ("running", "failed", "cancelled", "skipped") if (count := getattr(progress, name))]
    return ", ".join([f"{progress.completed:,} of {progress.total:,} completed", *rest])


def _list_facts(backfill: Backfill) -> list[tuple[str, str]]:
    plan = backfill.plan
    order = "oldest first" if plan.order is BackfillOrder.OLDEST else "newest first"
    facts = [
        ("Schedule" if plan.schedule else "Cron", shorten_json(plan.schedule or plan.cron or "", 200)),
        ("Time zone", plan.timezone),
        ("Order", f"{order}, {plan.parallel} at a time"),
        ("Existing runs", EXISTING_WORDS[plan.existing]),
        ("Parameters", format_parameters(plan.parameters) or DASH),
    ]
    if backfill.state is BackfillState.CANCELLED and backfill.cancelled_by:
        facts.append(("Cancelled by", backfill.cancelled_by))
    if backfill.state is BackfillState.PAUSED and backfill.paused_by:
        facts.append(("Paused by", backfill.paused_by))
    return facts


def _build_count(backfill: Backfill, state: BackfillTickState, chosen: BackfillTickState | None) -> StateCount:
    query = "" if state is chosen else "?" + urlencode({"state": state.value})
    label = StatusLabel(state.value, state.value.capitalize())
    return StateCount(label, f"{getattr(backfill.progress, state.value):,}", f"/ui/backfills/{backfill.id}{query}", state is chosen)


def _build_tick(tick: BackfillTickView) -> BackfillTickItem:
    state = StatusLabel(tick.state.value, tick.state.value.capitalize())
    return BackfillTickItem(
        position=f"{tick.position:,}",
        due=format_timestamp(tick.due_at),
        label=get_status_label(tick.run_status) if tick.run_status is not None else state,
        run=f"#{tick.run_number}" if tick.run_number is not None else DASH,
        href=f"/ui/runs/{tick.run_id}" if tick.run_number is not None else "",
        message=shorten_json(tick.message or "", MAX_MESSAGE_LENGTH),
    )


def describe_ticks(number: int, existing: int) -> str:
    """Return how many ticks would run, and how many are left out."""
    left_out = f", {existing:,} skipped because they have runs" if existing else ""
    return f"{pluralize(number, 'tick')} to run{left_out}"
