"""Pages as plain text for terminals."""

from collections.abc import Sequence
from datetime import datetime

from application.queries.explain.durations import format_elapsed
from application.queries.explain.explanation import explain_run
from application.queries.explain.flow_runs import describe_flow_run_state
from application.queries.explain.run_context import RunContext
from application.queries.explain.waits import describe_time_taken
from application.queries.schedules.expectations import ExpectationStatus
from application.queries.views.pipelines import BoardRow
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.text_tables import format_table, replace_unprintable
from entrypoints.web.view_models.formatting import DASH, Timestamp, format_count
from entrypoints.web.view_models.groups import GroupItem, GroupPage
from entrypoints.web.view_models.pipelines.board import build_pipeline_item, is_row_paused
from entrypoints.web.view_models.runs.run_list import build_run_items
from entrypoints.web.view_models.schedules.calendar import CalendarPage
from entrypoints.web.view_models.system import SystemState
from entrypoints.web.view_models.waiting import WaitingGroup

BAR_LETTERS = {
    Status.COMPLETED: ".",
    Status.FAILED: "F",
    Status.LOST: "?",
    Status.CANCELLED: "/",
    Status.RUNNING: ">",
    Status.WAITING: "=",
    Status.QUEUED: ":",
}
MAX_TEXT_LENGTH = 160
MAX_NOTE_LENGTH = 120


def format_board(rows: Sequence[BoardRow], contexts: Sequence[RunContext], statuses: Sequence[ExpectationStatus | None] = ()) -> str:
    """Return the board. `contexts` belong to the rows' latest runs, and `statuses` to their expectations."""
    if not rows:
        return "No pipelines yet. Create one: headgate apply FILE, or POST /pipelines/\n"
    lines: list[Sequence[object]] = [("STATUS", "PIPELINE", "LAST RUN", "LAST 20 RUNS", "NEXT RUN", "SUCCESS", "MEDIAN", "")]
    for row, context, status in zip(rows, contexts, statuses or [None] * len(rows), strict=True):
        item = build_pipeline_item(row, context, status)
        latest = row.pipeline.latest
        last = f"#{latest.number} {_format_age(latest, context.now)}" if latest else "never"
        bars = "".join(BAR_LETTERS.get(bar.status, " ") for bar in row.bars).rjust(20)
        text = item.expected.word if item.expected else "".join(part.text for part in item.status_text) or item.description
        lines.append(
            (item.status.word, item.name, last, bars, _format_next_run(row, context.now), item.success, item.median, text[:MAX_TEXT_LENGTH])
        )
    legend = ". completed  F failed  ? lost  / cancelled  > running  = waiting  : queued; newest on the right"
    return f"{format_table(lines, numbers=(5, 6))}\n{legend}\n"


def format_run(run: RunView, context: RunContext) -> str:
    """Return a run with its stages."""
    status = run.status.value.capitalize()
    took = f"took {describe_time_taken(run, context.now)}   " if run.finished_at and run.started_at else ""
    title = f"{replace_unprintable(run.name)}   {status}   {took}{_format_age(run, context.now)}"
    lines: list[Sequence[object]] = [("STAGE", "KIND", "STATUS", "ATTEMPT", "TOOK", "RECORDS", "")]
    for stage in run.stages:
        newest = stage.newest
        duration = format_elapsed(newest.finished_at or context.now, newest.started_at) if newest.started_at else DASH
        text = describe_flow_run_state(stage) or newest.error_message or newest.message or ""
        note = text.strip().split("\n")[0][:MAX_NOTE_LENGTH]
        lines.append((stage.name, stage.kind, stage.status.value, newest.number, duration, format_count(newest.records_processed), note))
    return f"{title}\n{replace_unprintable(explain_run(run, context))}\n\n{format_table(lines, numbers=(3, 4, 5))}"


def format_run_list(runs: Sequence[RunView], now: datetime) -> str:
    """Return a list of runs."""
    lines: list[Sequence[object]] = [("ID", "RUN", "STATUS", "TRIGGERED", "TOOK", "RECORDS", "BY", "")]
    for item in build_run_items(runs, now):
        created = item.created.long if item.created else ""
        name, text = f"{item.pipeline}#{item.number}", item.status_text[:MAX_NOTE_LENGTH]
        lines.append((item.id, name, item.status.word, created, item.duration, item.records, item.trigger, text))
    return format_table(lines, numbers=(0, 4, 5)) if runs else "No runs match.\n"


def format_waiting(groups: Sequence[WaitingGroup]) -> str:
    """Return the waiting stages."""
    parts = []
    for group in groups:
        lines: list[Sequence[object]] = [("STAGE", "RUN", "LEFT", "")]
        lines += [(item.stage, item.run, item.time_left, item.sentence) for item in group.items]
        parts.append(f"{group.title}\n{format_table(lines)}")
    return "\n".join(parts) or "Nothing is waiting.\n"


def format_system(state: SystemState) -> str:
    """Return the state of components and workers, and the versions."""
    lines: list[Sequence[object]] = [("", "", "")]
    lines += [("OK" if part.is_healthy else "NOT OK", part.title, part.sentence) for part in state.components]
    text = format_table(lines).lstrip("\n")
    if state.workers:
        rows: list[Sequence[object]] = [("WORKER", "POOL", "SLOTS", "FREE", "TOKEN", "")]
        rows += [(worker.name, worker.pool, worker.slots, worker.free, worker.token, worker.state_with_time) for worker in state.workers]
        text += "\n" + format_table(rows, numbers=(2, 3))
    return text + "\n" + format_table([("COMPONENT", "VERSION"), *state.versions])


def format_calendar(calendar: CalendarPage, zone: str) -> str:
    """Return the calendar: a line for each pipeline and hour or day with ticks, and the next runs."""
    lines: list[Sequence[object]] = [("TIME", "PIPELINE", "TICKS")]
    for index, column in enumerate(calendar.columns):
        lines += [(column.long, row.pipeline, cell.text) for row in calendar.rows if (cell := row.cells[index]) is not None]
    head = f"{calendar.title}   {zone or 'UTC'}\n"
    if not calendar.rows:
        return f"{head}\nNo scheduled runs in this period.\n"
    notes = "".join(f"{note}\n" for note in (f"{calendar.busiest}." if calendar.busiest else "", *calendar.notes) if note)
    coming: list[Sequence[object]] = [("NEXT", "PIPELINE", "SCHEDULE")]
    coming += [(each.at.long if each.at else "", each.pipeline, each.schedule) for each in calendar.next_runs]
    upcoming = f"\n{format_table(coming)}" if calendar.next_runs else ""
    return f"{head}{calendar.summary}\n{notes}\n{format_table(lines)}{upcoming}"


def format_groups(groups: Sequence[GroupItem]) -> str:
    """Return the list of concurrency groups."""
    lines: list[Sequence[object]] = [("GROUP", "IN USE", "LIMIT", "WAITING", "PIPELINES")]
    lines += [(group.name, group.held, group.limit, group.waiting, group.pipelines) for group in groups]
    return format_table(lines, numbers=(1, 2, 3)) if groups else "No pipeline uses a group.\n"


def format_group(group: GroupPage) -> str:
    """Return a concurrency group: its slots, their holders, the queue, and the pipelines that use it."""
    parts = [f"{replace_unprintable(group.name)}   {group.slots}\n{replace_unprintable(group.source)}\n"]
    if group.holders:
        rows: list[Sequence[object]] = [("HELD BY", "RUN ID", "STAGE", "SINCE", "")]
        rows += [
            (each.name, each.run_id, each.stage or "whole run", _format_long(each.since), "over the limit" if each.is_over_limit else "")
            for each in group.holders
        ]
        parts += [format_table(rows, numbers=(1,)), group.more_holders]
    if group.waiting:
        rows = [("PLACE", "WAITS", "RUN ID", "STAGE", "PRIORITY", "SINCE")]
        rows += [
            (each.place, each.name, each.run_id, each.stage or "whole run", each.priority, _format_long(each.since))
            for each in group.waiting
        ]
        parts += [format_table(rows, numbers=(0, 2, 4)), group.more_waiting]
    if group.uses:
        parts.append(format_table([("PIPELINE", "HOLDS A SLOT", "LIMIT"), *((use.pipeline, use.use, use.limit) for use in group.uses)]))
    return "\n".join(part for part in parts if part)


def _format_long(at: Timestamp | None) -> str:
    return at.long if at else DASH


def _format_next_run(row: BoardRow, now: datetime) -> str:
    if is_row_paused(row, now):
        return "paused"
    if row.next_run_at is None:
        return DASH
    return f"in {format_elapsed(row.next_run_at, now)}" if row.next_run_at > now else "now"


def _format_age(run: RunView, now: datetime) -> str:
    if run.finished_at:
        return f"{format_elapsed(now, run.finished_at)} ago"
    return f"for {describe_time_taken(run, now) or format_elapsed(now, run.created_at)}"
