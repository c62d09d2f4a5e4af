"""`headgate next`: show when a pipeline's schedules fire next."""

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]


async def show_next_times(url: str, name: str, count: int, as_json: bool, wide: bool = False) -> int:
    """Show the next times of all schedules, the earliest first. Return 2 if there is no such pipeline."""
    async with HeadgateClient(url) as client:
        pipeline = await client.find_pipeline(name)
        if pipeline is None:
            print(f"headgate: there is no pipeline {name} at {url}", file=sys.stderr)
            return 2
        times = await _list_times(client, pipeline, count)
    if as_json:
        print_json(times)
    elif times:
        print_table([_build_row(time) for time in times], wide=wide)
    else:
        schedules = "schedule that fires again" if pipeline["schedules"] else "schedule"
        print(f"{sanitize(pipeline['name'])} has no {schedules}.")
    return 0


async def _list_times(client: HeadgateClient, pipeline: JsonObject, count: int) -> list[JsonObject]:
    times: list[JsonObject] = []
    for schedule in pipeline["schedules"]:
        path = f"/pipelines/{pipeline['id']}/schedules/{quote(schedule['name'], safe='')}/next"
        found = await client.get(path, count=count)
        times += [{"schedule": schedule["name"], "timezone": schedule["timezone"], **time} for time in found]
    return sorted(times, key=lambda time: str(time["at"]))[:count]


def _build_row(time: JsonObject) -> list[str]:
    local, in_utc = (f"{str(time[key])[:19].replace('T', ' ')}" for key in ("local", "at"))
    return [sanitize(time["schedule"]), local, sanitize(time["timezone"]), f"{in_utc} UTC", sanitize(time["note"] or "")]
