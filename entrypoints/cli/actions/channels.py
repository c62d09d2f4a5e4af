"""Show channels, and send a test message through one."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from application.queries.explain.durations import format_duration
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.local_times import format_local
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]


async def show_channels(url: str, as_json: bool, wide: bool = False) -> int:
    """Show the channels by name."""
    async with HeadgateClient(url) as client:
        channels = await client.get("/channels/")
    if as_json:
        print_json(channels)
    elif channels:
        print_table([_build_row(channel) for channel in channels], wide=wide)
    else:
        print("No channels.")
    return 0


async def test_channel(url: str, name: str, as_json: bool) -> int:
    """Send a test message and say what became of it. Return 1 unless it was delivered; an unknown channel raises ApiError."""
    async with HeadgateClient(url) as client:
        result = await client.post(f"/channels/{quote(name, safe='')}/test", {})
    if as_json:
        print_json(result)
    elif result["state"] == "sent":
        print(sanitize(f"{name}: delivered in {format_duration(result['seconds'] or 0.0)}"))
    else:
        reason = result["error"] or "it is still being tried"
        print(sanitize(f"headgate: {name}: not delivered: {reason}"), file=sys.stderr)
    return 0 if result["state"] == "sent" else 1


def _build_row(channel: JsonObject) -> Sequence[str]:
    counts = [f"{channel[key]:,} {key}" for key in ("waiting", "dead") if channel[key]]
    texts = (channel["name"], channel["kind"], channel["summary"], _describe_state(channel), ", ".join(counts))
    return [sanitize(text) for text in texts]


def _describe_state(channel: JsonObject) -> str:
    if channel["disabled_at"]:
        return f"disabled: {channel['disabled_reason']}"
    if channel["proved_at"]:
        return f"proved {format_local(channel['proved_at'])}, in {format_duration(channel['proved_seconds'] or 0.0)}"
    return "not proved"
