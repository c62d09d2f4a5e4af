"""Format runs and stages, as the API returns them, for a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from application.queries.explain.durations import format_duration
from domain.runs.status import TERMINAL
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import build_lines, style_status

JsonObject = Mapping[str, Any]


def render_run(run: JsonObject, stages: Sequence[JsonObject], now: datetime, width: int) -> RenderableType:
    """Return a heading, a line per stage, and the explanation of the run's status."""
    name = sanitize(f"{run['pipeline']}#{run['number']}")
    heading = Text.assemble((name, "bold"), "  ", style_status(run["status"]), f"  {format_run_time(run, now)}")
    lines = build_lines([build_stage_row(stage, now) for stage in stages], 1, 0, width, is_styled=True)
    return Group(heading, *lines, Text(sanitize(run.get("why") or ""), style="dim"))


def build_stage_row(stage: JsonObject, now: datetime) -> list[str]:
    """Return the columns name, status, time taken, records, and attempt with error, reason, or why a flow run does not run."""
    attempt = stage.get("attempt") or 1
    attempt_text = f"attempt {attempt}" if attempt > 1 else ""
    reason = stage.get("reason") if stage["status"] in ("waiting", "skipped") else None
    flow_run = stage.get("prefect") or {}
    remark = sanitize(stage.get("error_message") or flow_run.get("why") or reason or "")
    return [
        sanitize(stage["name"]),
        stage["status"],
        format_time_taken(stage, now),
        format_record_count(stage),
        ", ".join(filter(None, (attempt_text, remark))),
    ]


def format_time_taken(item: JsonObject, now: datetime) -> str:
    """Return how long a run or stage took until its end or now, without the time for which a run waited for people; "" before the start."""
    started, finished = parse_timestamp(item.get("started_at")), parse_timestamp(item.get("finished_at"))
    if started is None or (finished is None and item["status"] in TERMINAL):
        return ""
    return format_duration(max(0.0, ((finished or now) - started).total_seconds() - get_idle_seconds(item, now)))


def get_idle_seconds(run: JsonObject, now: datetime) -> float:
    """Return for how long a run has waited for people; 0 for a stage."""
    since = parse_timestamp(run.get("idle_since"))
    return float(run.get("idle_seconds") or 0.0) + (max(0.0, (now - since).total_seconds()) if since else 0.0)


def format_run_time(run: JsonObject, now: datetime) -> str:
    """Return the time taken, and how long the run waited for people; for one that has not started, the time since it was queued."""
    taken, idle = format_time_taken(run, now), get_idle_seconds(run, now)
    if not taken:
        return "" if run["status"] in TERMINAL else f"since {format_duration(_get_age(run['created_at'], now))}"
    return f"{taken} · waited {format_duration(idle)}" if idle >= 1 else taken


def format_age(timestamp: str | None, now: datetime) -> str:
    return f"{format_duration(_get_age(timestamp, now))} ago" if timestamp else "never"


def format_record_count(item: JsonObject) -> str:
    count = item.get("records_processed")
    return f"{count:,} records" if count is not None else ""


def parse_timestamp(text: str | None) -> datetime | None:
    """Parse a timestamp of the API (RFC 3339)."""
    return datetime.fromisoformat(text) if text else None


def utc_now() -> datetime:
    return datetime.now(UTC)


def _get_age(timestamp: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(timestamp)).total_seconds())
