"""Show concurrency groups, and set the limit of one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from domain.name_lists import format_names
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]
PAGE_SIZE = 1_000


async def show_groups(url: str, as_json: bool, wide: bool = False) -> int:
    """Show the groups by name, with their slots and how many wait."""
    async with HeadgateClient(url) as client:
        groups = await client.get("/groups/", limit=PAGE_SIZE)
    if as_json:
        print_json(groups)
    elif groups:
        print_table([_build_row(group) for group in groups], wide=wide)
        if len(groups) == PAGE_SIZE:
            print(f"Only the first {PAGE_SIZE:,} groups are shown.")
    else:
        print("No pipeline uses a group.")
    return 0


async def show_group(url: str, name: str, as_json: bool, wide: bool = False) -> int:
    """Show the group, the holders of its slots and its queue. An unknown group raises ApiError."""
    async with HeadgateClient(url) as client:
        group = await client.get(_build_path(name))
    _print_group(group, as_json, wide)
    return 0


async def set_group_limit(url: str, name: str, limit: int | None, as_json: bool, wide: bool = False) -> int:
    """Set the group's limit, or give it back to the definitions, and show the group. A refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        group = await client.put(_build_path(name), {"limit": limit})
    _print_group(group, as_json, wide)
    return 0


def _build_path(name: str) -> str:
    return f"/groups/{quote(name, safe='')}"


def _print_group(group: JsonObject, as_json: bool, wide: bool) -> None:
    if as_json:
        print_json(group)
        return
    source = f", set by {group['set_by']}" if group["set_by"] else ""
    print(sanitize(f"{group['name']}: {_describe_slots(group)}{source}"))
    holders = [_build_holder(holder) for holder in group["holders"]]
    queue = [_build_wait(wait) for wait in group["queue"]]
    for title, rows in (("held by", holders), ("waiting", queue)):
        if rows:
            print(f"\n{title}")
            print_table(rows, wide=wide)


def _build_row(group: JsonObject) -> Sequence[str]:
    pipelines = format_names([use["pipeline"] for use in group["pipelines"]])
    return [sanitize(group["name"]), _describe_slots(group), f"{group['waiting']:,} waiting", sanitize(pipelines)]


def _describe_slots(group: JsonObject) -> str:
    if group["limit"] is None:
        return f"{group['held']:,} in use, no limit"
    return f"{group['held']:,} of {group['limit']:,} in use"


def _build_holder(holder: JsonObject) -> Sequence[str]:
    note = "over the limit" if holder["over_limit"] else ""
    return [_name_run(holder), sanitize(holder["stage"] or "whole run"), f"since {_format_local(holder['taken_at'])}", note]


def _build_wait(wait: JsonObject) -> Sequence[str]:
    priority = f"priority {wait['priority']:+d}" if wait["priority"] else ""
    since = f"since {_format_local(wait['waits_since'])}"
    return [f"{wait['position']:,}.", _name_run(wait), sanitize(wait["stage"] or "whole run"), since, priority]


def _name_run(item: JsonObject) -> str:
    return sanitize(f"{item['pipeline']}#{item['number']}")


def _format_local(timestamp: str) -> str:
    return f"{datetime.fromisoformat(timestamp).astimezone():%Y-%m-%d %H:%M:%S %Z}"
