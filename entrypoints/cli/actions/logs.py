"""`headgate logs`: print the log of a run, and follow it."""

import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.pipelines.durations import parse_duration
from entrypoints.cli.actions.activation import parse_local_time
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.client.log_follower import LogFollower, LogQuery
from entrypoints.cli.output import print_json_line
from entrypoints.cli.screens.log_printer import LogPrinter
from entrypoints.cli.screens.run_view import utc_now
from entrypoints.cli.screens.sanitizer import sanitize

_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What to print: `only_stderr`, `search` and `since` select lines, `tail` the last of them."""

    query: LogQuery
    follow: bool = False
    only_stderr: bool = False
    search: str | None = None
    tail: int | None = None
    since: str | None = None
    timestamps: bool = False
    as_json: bool = False


async def show_logs(url: str, options: LogOptions) -> int:
    """Print the lines. Return 0; when following, 1 if the run ended but did not complete; 2 for a time that cannot be read."""
    try:
        since = parse_since(options.since, utc_now()) if options.since is not None else None
    except (ValueError, OverflowError):
        print(sanitize(f"headgate: --since: {options.since} is neither a time such as 2026-12-01T08:00 nor a duration"), file=sys.stderr)
        return 2
    async with HeadgateClient(url) as client:
        stages = [stage["name"] for stage in await client.get(f"{options.query.path}/stages")]
        printer = LogPrinter(stages, has_labels=options.query.stage is None and len(stages) > 1, has_times=options.timestamps)
        follower = LogFollower(client, options.query)
        async for line in _select(follower, options, since):
            if options.as_json:
                print_json_line(line)
            else:
                printer.print_line(line)
        if not options.follow:
            return 0
        run = await client.get(options.query.path)
        print(sanitize(f"{run['pipeline']}#{run['number']} {run['status']}"), file=sys.stderr)
        return 0 if run["status"] == "completed" else 1


def parse_since(text: str, now: datetime) -> datetime:
    """Return the time in the text: a time, or one that is a duration such as `10m`, or a number of seconds, ago. Raise ValueError."""
    seconds = parse_duration(int(text) if _SECONDS.fullmatch(text) else text)
    return parse_local_time(text) if seconds is None else now - timedelta(seconds=seconds)


async def _select(follower: LogFollower, options: LogOptions, since: datetime | None) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the lines to print: with `tail`, the last of those that exist, and then the new ones."""
    if options.tail is not None:
        tail: deque[Mapping[str, Any]] = deque(maxlen=options.tail)
        async for line in follower.read_to_end():
            if _is_selected(line, options, since) and not (options.follow and line.get("unfinished")):
                tail.append(line)
        for line in tail:
            yield line
        if not options.follow:
            return
    async for line in follower.follow() if options.follow else follower.read_to_end():
        if _is_selected(line, options, since):
            yield line


def _is_selected(line: Mapping[str, Any], options: LogOptions, since: datetime | None) -> bool:
    if options.only_stderr and line["stream"] != "stderr":
        return False
    if options.search is not None and options.search.casefold() not in sanitize(line["text"]).casefold():
        return False
    return since is None or datetime.fromisoformat(line["at"]) >= since
