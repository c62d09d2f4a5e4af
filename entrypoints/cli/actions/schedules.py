"""Show schedules with their next time and their last tick, pause and resume them, and run one now."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]
PAGE_SIZE = 1_000


async def show_schedules(url: str, name: str | None, as_json: bool, wide: bool = False) -> int:
    """Show the schedules, those that fire next first. Return 2 if there is no such pipeline."""
    async with HeadgateClient(url) as client:
        pipelines = await _list_pipelines(client) if name is None else [await client.find_pipeline(name)]
        if None in pipelines:
            print(sanitize(f"headgate: there is no pipeline {name} at {url}"), file=sys.stderr)
            return 2
        schedules = [each for pipeline in pipelines if pipeline for each in await _list_schedules(client, pipeline)]
    schedules.sort(key=lambda each: (each["next_at"] is None, each["next_at"] or "", each["pipeline"], each["name"]))
    if as_json:
        print_json(schedules)
    elif schedules:
        print_table([_build_row(schedule) for schedule in schedules], wide=wide)
    else:
        print(sanitize(f"{name} has no schedule.") if name is not None else "No pipeline has a schedule.")
    return 0


async def change_schedule_pause(url: str, name: str, schedule: str, action: str, body: JsonObject, as_json: bool) -> int:
    """Pause or resume the schedule and print its state. Return 0; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        changed = await client.post(_build_path(name, schedule, action), dict(body))
    if as_json:
        print_json(changed)
    else:
        print(sanitize(f"{name} {changed['name']}: {_describe_next(changed)}"))
    return 0


async def run_schedule(url: str, name: str, schedule: str, as_json: bool) -> int:
    """Queue a run with the schedule's parameters and print it. Return 0; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        queued = await client.post(_build_path(name, schedule, "run-now"), {})
    if as_json:
        print_json(queued)
    else:
        print(sanitize(f"{queued['pipeline']}#{queued['number']} {queued['status']}  {url}/ui/runs/{queued['run_id']}"))
    return 0


def _build_path(pipeline: str, schedule: str, action: str) -> str:
    return f"/pipelines/{quote(pipeline, safe='')}/schedules/{quote(schedule, safe='')}/{action}"


async def _list_pipelines(client: HeadgateClient) -> list[JsonObject]:
    found: list[JsonObject] = []
    while page := await client.get("/pipelines/", skip=len(found), limit=PAGE_SIZE):
        found += page
        if len(page) < PAGE_SIZE:
            break
    return found


async def _list_schedules(client: HeadgateClient, pipeline: JsonObject) -> list[JsonObject]:
    if not pipeline["schedules"]:
        return []
    found = await client.get(f"/pipelines/{quote(str(pipeline['id']), safe='')}/schedules")
    return [{"pipeline": pipeline["name"], **schedule} for schedule in found]


def _build_row(schedule: JsonObject) -> list[str]:
    tick = schedule["last_tick"]
    last = f"last {_format_local(tick['scheduled_for'])} {tick['state']}" if tick else "never fired"
    return [
        sanitize(schedule["pipeline"]),
        sanitize(schedule["name"]),
        sanitize(schedule["words"]),
        _describe_next(schedule),
        last,
        sanitize(tick["message"] or "" if tick else ""),
    ]


def _describe_next(schedule: JsonObject) -> str:
    if schedule["paused"]:
        return f"paused until {_format_local(schedule['paused_until'])}" if schedule["paused_until"] else "paused"
    return f"next {_format_local(schedule['next_at'])}" if schedule["next_at"] else "no next time"


def _format_local(timestamp: str) -> str:
    return f"{datetime.fromisoformat(timestamp).astimezone():%Y-%m-%d %H:%M %Z}"
