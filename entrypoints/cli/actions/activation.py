"""Pause and resume pipelines and schedules; archive, unarchive and delete pipelines."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from entrypoints.cli.actions.schedules import change_schedule_pause
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize


async def pause(url: str, name: str, schedule: str | None, until: str | None, as_json: bool) -> int:
    """Pause the pipeline, or only the named schedule. Return 2 for an end that is not a time."""
    try:
        end = parse_local_time(until) if until is not None else None
    except ValueError:
        print(sanitize(f"headgate: --until: {until} is not a time such as 2026-12-01T08:00"), file=sys.stderr)
        return 2
    body = {"until": end.isoformat()} if end else {}
    if schedule is not None:
        return await change_schedule_pause(url, name, schedule, "pause", body, as_json)
    return await change_activation(url, name, "pause", body, as_json)


async def resume(url: str, name: str, schedule: str | None, as_json: bool) -> int:
    """Resume the pipeline, or only the named schedule."""
    if schedule is not None:
        return await change_schedule_pause(url, name, schedule, "resume", {}, as_json)
    return await change_activation(url, name, "resume", {}, as_json)


def parse_local_time(text: str) -> datetime:
    """Return the time. One without a zone is a time of this machine. Raises ValueError."""
    return datetime.fromisoformat(text).astimezone()


async def change_activation(url: str, name: str, action: str, body: Mapping[str, Any], as_json: bool) -> int:
    """Request the action and print the pipeline's state. Return 0; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        pipeline = await client.post(f"/pipelines/{quote(name, safe='')}/{action}", dict(body))
    if as_json:
        print_json(pipeline)
    else:
        print(sanitize(f"{pipeline['name']}: {describe_activation(pipeline)}  {url}/ui/pipelines/{pipeline['id']}"))
    return 0


def describe_activation(pipeline: Mapping[str, Any]) -> str:
    """Return whether a pipeline is active, paused or archived, in words."""
    words = ["archived"] if pipeline.get("archived_at") else []
    if pipeline.get("paused_at"):
        until = pipeline.get("paused_until")
        words.append(f"paused until {_format_local(until)}" if until else "paused")
    return ", ".join(words) or "active"


async def delete_pipeline(url: str, name: str, confirmed_name: str | None) -> int:
    """Delete the pipeline once its name is confirmed. Return 1 if the person typed another name; 2 if there is no such pipeline."""
    async with HeadgateClient(url) as client:
        pipeline = await client.find_pipeline(name)
        if pipeline is None:
            print(sanitize(f"headgate: there is no pipeline {name} at {url}"), file=sys.stderr)
            return 2
        if confirmed_name is None and pipeline["archived_at"]:
            confirmed_name = _ask_for_name(pipeline["name"])
            if confirmed_name is None:
                return 1
        await client.delete(f"/pipelines/{pipeline['id']}", confirm=confirmed_name or "")
    print(sanitize(f"{pipeline['name']}: deleted"))
    return 0


def _ask_for_name(name: str) -> str | None:
    """Ask a person to type the name. Return None, with a line that says why, unless it was typed."""
    try:
        typed = input(sanitize(f"This deletes {name} with its runs, events, logs and tokens. Type its name to confirm: ")).strip()
    except EOFError:
        print(sanitize(f"\nheadgate: nothing was deleted. To delete without a question, add --confirm {name}"), file=sys.stderr)
        return None
    if typed != name:
        print("headgate: the name differs; nothing was deleted", file=sys.stderr)
        return None
    return typed


def _format_local(timestamp: str) -> str:
    return f"{datetime.fromisoformat(timestamp).astimezone():%Y-%m-%d %H:%M %Z}"
