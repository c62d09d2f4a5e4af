"""Start backfills after a preview, list them, and pause, resume and cancel them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from application.queries.explain.durations import format_duration
from domain.errors import InvalidInput
from entrypoints.cli.actions.parameters import InvalidParameter, parse_parameters
from entrypoints.cli.client.backfill_watcher import watch_backfill
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_error, print_json
from entrypoints.cli.screens.backfill_progress import describe_progress
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """The arguments of the command. `body` has the keys of the request that were given."""

    pipeline: str
    body: JsonObject
    params: tuple[str, ...] = ()
    params_file: Path | None = None
    dry_run: bool = False
    watch: bool = False
    yes: bool = False
    as_json: bool = False


async def start_backfill(url: str, options: BackfillOptions) -> int:
    """Show what would run and start it. Return 1 if a person declined, or if a watched backfill did not complete all its ticks."""
    async with HeadgateClient(url) as client:
        pipeline = await client.find_pipeline(options.pipeline)
        if pipeline is None:
            print(sanitize(f"headgate: there is no pipeline {options.pipeline} at {url}"), file=sys.stderr)
            return 2
        try:
            parameters = parse_parameters(options.params, options.params_file, pipeline.get("parameters"))
        except (InvalidParameter, InvalidInput) as error:
            print_error(error)
            return 2
        body = {"pipeline": pipeline["id"], **options.body, **({"parameters": parameters} if parameters else {})}
        preview = await client.post("/backfills/", {**body, "dry_run": True})
        _print_preview(preview, options)
        if options.dry_run or not preview["ticks"]:
            return 0
        if not options.yes and sys.stdin.isatty() and not _confirm():
            return 1
        started = await client.post("/backfills/", body)
        if options.as_json and not options.watch:
            print_json(started)
        elif not options.as_json:
            print(sanitize(f"backfill {started['id']} of {started['pipeline']}: started  {_get_page(url, started)}"), flush=True)
        return await watch_backfill(client, started["id"], options.as_json) if options.watch else 0


async def show_backfills(url: str, name: str | None, as_json: bool, wide: bool = False) -> int:
    """Show the newest backfills. A pipeline that does not exist raises ApiError."""
    async with HeadgateClient(url) as client:
        found = await client.get("/backfills/", **({"pipeline": name} if name is not None else {}))
    if as_json:
        print_json(found)
    elif found:
        print_table([_build_row(backfill) for backfill in found], name_column=1, wide=wide)
    else:
        print(sanitize(f"{name} has no backfills.") if name is not None else "No backfills yet.")
    return 0


async def change_backfill(url: str, backfill_id: int, action: str, body: JsonObject, as_json: bool) -> int:
    """Pause, resume or cancel the backfill and print its state. Return 0; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        backfill = await client.post(f"/backfills/{backfill_id}/{action}", dict(body))
    if as_json:
        print_json(backfill)
    else:
        print(sanitize(f"backfill {backfill_id} of {backfill['pipeline']}: {describe_progress(backfill)}  {_get_page(url, backfill)}"))
    return 0


def _print_preview(preview: JsonObject, options: BackfillOptions) -> None:
    """Print what would run; with --json only for a dry run, whose result it is."""
    if options.as_json:
        if options.dry_run:
            print_json(preview)
        return
    what = preview["schedule"] or preview["cron"]
    lines = [f"{preview['pipeline']}, {what}: {preview['ticks']:,} {'tick' if preview['ticks'] == 1 else 'ticks'} to run"]
    if preview["skipped"]:
        lines[0] += f", {preview['skipped']:,} skipped because they have runs"
    if preview["ticks"]:
        zone = ZoneInfo(preview["timezone"])
        lines.append(f"first {_format(preview['first'], zone)}, last {_format(preview['last'], zone)}")
        seconds = preview["estimated_seconds"]
        duration = (
            f"takes about {format_duration(seconds)}" if seconds is not None else "no run has completed yet, so the duration is unknown"
        )
        lines.append(f"{preview['order']} first, {preview['parallel']} at a time; {duration}")
    for line in lines:
        print(sanitize(line), flush=True)


def _confirm() -> bool:
    try:
        answer = input("Start it? [y/N] ").strip().lower()
    except EOFError:
        answer = ""
    if answer not in ("y", "yes"):
        print("headgate: nothing was started", file=sys.stderr)
    return answer in ("y", "yes")


def _build_row(backfill: JsonObject) -> list[str]:
    zone = ZoneInfo(backfill["timezone"])
    return [
        str(backfill["id"]),
        sanitize(backfill["pipeline"]),
        sanitize(backfill["schedule"] or backfill["cron"]),
        f"{_format(backfill['from'], zone)} to {_format(backfill['to'], zone)}",
        describe_progress(backfill),
        sanitize(backfill["message"] or ""),
    ]


def _get_page(url: str, backfill: JsonObject) -> str:
    return f"{url}/ui/backfills/{backfill['id']}"


def _format(timestamp: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(timestamp).astimezone(zone):%Y-%m-%d %H:%M %Z}"
