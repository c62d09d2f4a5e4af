"""Show a watched run as one line per change, for logs and pipes."""

from collections.abc import Mapping, Sequence
from typing import Any

from application.queries.explain.durations import format_duration
from domain.runs.status import TERMINAL
from entrypoints.cli.screens.run_view import format_record_count, format_run_time, parse_timestamp, utc_now
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.screen import BaseScreen, Run, Stages, print_log_tails


class LineScreen(BaseScreen):
    """Prints a line for every status change of a stage, and one at the end."""

    def __init__(self) -> None:
        self._started_at: dict[str, str] = {}

    def event(self, event: Mapping[str, Any]) -> None:
        stage, status = event.get("stage"), event.get("status")
        if event["type"] == "stage.moved" and stage and status != "pending":
            if status == "running":
                self._started_at[stage] = event["at"]
            parts = [_format_clock(event["at"]), sanitize(stage), str(status), *self._describe(event, stage, status)]
            print("  ".join(part for part in parts if part), flush=True)
        elif event["type"] == "run.cancel_requested":
            print(f"{_format_clock(event['at'])}  cancel requested by {sanitize(event.get('actor') or 'an anonymous user')}", flush=True)

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        print_log_tails(log_tails)
        print(_summarize(run), flush=True)

    def _describe(self, event: Mapping[str, Any], stage: str, status: str | None) -> list[str]:
        """Return the attempt and, once the stage has finished, its time, its records and its error."""
        data = event.get("data") or {}
        attempt = f"attempt {event['attempt']}" if (event.get("attempt") or 1) > 1 else ""
        if status not in TERMINAL:
            return [attempt, sanitize(data.get("reason") or "")]
        started, finished = parse_timestamp(self._started_at.pop(stage, None)), parse_timestamp(event["at"])
        duration = format_duration((finished - started).total_seconds()) if started and finished else ""
        reason = data.get("reason") if status != "completed" else None
        return [attempt, duration, format_record_count(data), sanitize(data.get("error_message") or reason or "")]


def _summarize(run: Run) -> str:
    totals = ", ".join(filter(None, (format_run_time(run, utc_now()), format_record_count(run))))
    explanation = sanitize(run.get("why") or "")
    return "".join(
        (
            f"{sanitize(run['pipeline'])}#{run['number']} {run['status']}",
            f" ({totals})" if totals else "",
            f": {explanation}" if explanation else "",
        )
    )


def _format_clock(timestamp: str) -> str:
    moment = parse_timestamp(timestamp)
    return f"{moment.astimezone():%H:%M:%S}" if moment else ""
