"""Where a watched run is shown: redrawn in a terminal, line by line elsewhere, or as JSON for a program."""

import json
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import RenderableType
from rich.live import Live

from application.queries.explain.durations import format_duration
from domain.runs.status import TERMINAL
from entrypoints.cli.screens.formatting import (
    format_record_count,
    format_run_duration,
    make_console,
    parse_timestamp,
    render_run,
    sanitize,
    utc_now,
)

Run = Mapping[str, Any]
Stages = Sequence[Mapping[str, Any]]


class Screen(Protocol):
    """Shows a run while it goes on. Used as a context: the terminal is itself again afterwards, whatever happened."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def show(self, run: Run, stages: Stages) -> None:
        """The whole as it stands now."""
        ...

    def event(self, event: Mapping[str, Any]) -> None:
        """One fact, in the order of the run's log, each once."""
        ...

    def note(self, text: str) -> None:
        """Something about the watching itself."""
        ...

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        """How it ended, with the last lines of each failed stage's log."""
        ...


class _Plain:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def show(self, run: Run, stages: Stages) -> None:
        return None

    def note(self, text: str) -> None:
        print(f"headgate: {text}", file=sys.stderr, flush=True)


class LineScreen(_Plain):
    """A line for every move of a stage, for logs and pipes."""

    def __init__(self) -> None:
        self._started: dict[str, str] = {}

    def event(self, event: Mapping[str, Any]) -> None:
        stage, status, data = event.get("stage"), event.get("status"), event.get("data") or {}
        if event["type"] == "stage.moved" and stage and status != "pending":
            if status == "running":
                self._started[stage] = event["at"]
            parts = [_clock(event["at"]), sanitize(stage), str(status), *self._details(event, stage, status, data)]
            print("  ".join(part for part in parts if part), flush=True)
        elif event["type"] == "run.cancel_requested":
            print(f"{_clock(event['at'])}  cancel asked for by {sanitize(event.get('actor') or 'somebody')}", flush=True)

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        _print_tails(log_tails)
        print(_verdict(run), flush=True)

    def _details(self, event: Mapping[str, Any], stage: str, status: str | None, data: Mapping[str, Any]) -> list[str]:
        tries = f"attempt {event['attempt']}" if (event.get("attempt") or 1) > 1 else ""
        if status not in TERMINAL:
            return [tries, sanitize(data.get("reason") or "")]
        began, over = parse_timestamp(self._started.pop(stage, None)), parse_timestamp(event["at"])
        duration = format_duration((over - began).total_seconds()) if began and over else ""
        said = data.get("error_message") or (data.get("reason") if status != "completed" else "") or ""
        return [tries, duration, format_record_count(data), sanitize(said)]


class LiveScreen(_Plain):
    """The run redrawn in place, its clocks ticking."""

    def __init__(self) -> None:
        self._console = make_console()
        self._shown: tuple[Run, Stages] | None = None
        self._note = ""
        self._live = Live(console=self._console, get_renderable=self._picture, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
        if kind is not None and self._shown:
            self._console.print(render_run(*self._shown, utc_now()))

    def show(self, run: Run, stages: Stages) -> None:
        self._shown, self._note = (run, stages), ""

    def event(self, event: Mapping[str, Any]) -> None:
        return None

    def note(self, text: str) -> None:
        self._note = text

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        self._live.stop()
        self._console.print(render_run(run, stages, utc_now()))
        _print_tails(log_tails)

    def _picture(self) -> RenderableType:
        return render_run(*self._shown, utc_now()) if self._shown and not self._note else self._note


class JsonScreen(_Plain):
    """Every event as a line of JSON, and the run itself as the last line."""

    def event(self, event: Mapping[str, Any]) -> None:
        print(json.dumps(event, ensure_ascii=False), flush=True)

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        print(json.dumps({**run, "stages": list(stages)}, ensure_ascii=False), flush=True)


def create_screen(as_json: bool) -> Screen:
    """What suits standard output."""
    if as_json:
        return JsonScreen()
    return LiveScreen() if make_console().is_terminal else LineScreen()


def _verdict(run: Run) -> str:
    counted = ", ".join(part for part in (format_run_duration(run, utc_now()), format_record_count(run)) if part)
    why = sanitize(run.get("why") or "")
    return f"{sanitize(run['pipeline'])} #{run['number']} {run['status']}{f' ({counted})' if counted else ''}{f': {why}' if why else ''}"


def _print_tails(log_tails: Mapping[str, Sequence[str]]) -> None:
    for stage, lines in log_tails.items():
        print(f"--- the end of {sanitize(stage)}'s log", flush=True)
        for line in lines:
            print(f"    {sanitize(line)}", flush=True)


def _clock(at: str) -> str:
    moment = parse_timestamp(at)
    return f"{moment.astimezone():%H:%M:%S}" if moment else ""
