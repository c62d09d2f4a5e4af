"""What each page says, as text for a terminal."""

from collections.abc import Sequence
from datetime import datetime

from application.queries.explain.durations import format_elapsed
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.views.pipelines import BoardRow
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.text_output import format_table, replace_unprintable
from entrypoints.web.view_models.formatting import DASH, format_count
from entrypoints.web.view_models.pipelines.board import build_pipeline_item
from entrypoints.web.view_models.runs.run_list import build_run_items
from entrypoints.web.view_models.system import SystemState
from entrypoints.web.view_models.waiting import WaitingGroup

LETTERS = {
    Status.COMPLETED: ".",
    Status.FAILED: "F",
    Status.LOST: "?",
    Status.CANCELLED: "/",
    Status.RUNNING: ">",
    Status.WAITING: "=",
    Status.QUEUED: ":",
}


def format_board(rows: Sequence[BoardRow], arounds: Sequence[RunContext]) -> str:
    if not rows:
        return "No pipelines yet. Make one: headgate apply FILE, or POST /pipelines/\n"
    lines: list[Sequence[object]] = [("STATUS", "PIPELINE", "LAST RUN", "LAST 20 RUNS", "SUCCESS", "MEDIAN", "")]
    for row, around in zip(rows, arounds, strict=True):
        shown = build_pipeline_item(row, around)
        latest = row.pipeline.latest
        last = f"#{latest.number} {_when(latest, around.now)}" if latest else "never"
        bars = "".join(LETTERS.get(bar.status, " ") for bar in row.bars).rjust(20)
        says = "".join(part.text for part in shown.why) or shown.description
        lines.append((shown.status.word, shown.name, last, bars, shown.success, shown.median, says[:160]))
    return (
        format_table(lines, numbers=(4, 5))
        + "\n. completed  F failed  ? lost  / cancelled  > running  = waiting  : queued; the newest at the right\n"
    )


def format_run(run: RunView, around: RunContext) -> str:
    word = run.status.value.capitalize()
    head = f"{replace_unprintable(run.pipeline)} #{run.number}   {word}   {_when(run, around.now)}\n{replace_unprintable(explain_run(run, around))}\n\n"
    lines: list[Sequence[object]] = [("STAGE", "KIND", "STATUS", "ATTEMPT", "TOOK", "RECORDS", "")]
    for stage in run.stages:
        newest = stage.newest
        took = format_elapsed(newest.finished_at or around.now, newest.started_at) if newest.started_at else DASH
        remark = (newest.error_message or newest.message or "").strip().split("\n")[0][:120]
        lines.append((stage.name, stage.kind, stage.status.value, newest.number, took, format_count(newest.records_processed), remark))
    return head + format_table(lines, numbers=(3, 4, 5))


def format_run_list(runs: Sequence[RunView], now: datetime) -> str:
    lines: list[Sequence[object]] = [("ID", "RUN", "STATUS", "TRIGGERED", "TOOK", "RECORDS", "BY", "")]
    for row in build_run_items(runs, now):
        when = row.created.long if row.created else ""
        lines.append(
            (row.id, f"{row.pipeline} #{row.number}", row.status.word, when, row.took, row.records, row.triggered_by, row.why[:120])
        )
    return format_table(lines, numbers=(0, 4, 5)) if runs else "No run fits.\n"


def format_waiting(groups: Sequence[WaitingGroup]) -> str:
    parts = []
    for group in groups:
        lines: list[Sequence[object]] = [("STAGE", "RUN", "LEFT", "")]
        lines += [(wait.stage, wait.run, wait.left, wait.sentence) for wait in group.waits]
        parts.append(f"{group.title}\n{format_table(lines)}")
    return "\n".join(parts) or "Nothing waits for anybody.\n"


def format_system(state: SystemState) -> str:
    lines: list[Sequence[object]] = [("", "", "")]
    lines += [("well" if part.is_healthy else "NOT WELL", part.title, part.sentence) for part in state.parts]
    text = format_table(lines).lstrip("\n")
    if state.workers:
        rows: list[Sequence[object]] = [("WORKER", "POOL", "SLOTS", "FREE", "")]
        rows += [(each.name, each.pool, each.slots, each.free, each.word) for each in state.workers]
        text += "\n" + format_table(rows, numbers=(2, 3))
    return text + "\n" + format_table([("PART", "VERSION"), *state.versions])


def _when(run: RunView, now: datetime) -> str:
    if run.finished_at:
        return f"{format_elapsed(now, run.finished_at)} ago"
    return f"for {format_elapsed(now, run.started_at or run.created_at)}"
