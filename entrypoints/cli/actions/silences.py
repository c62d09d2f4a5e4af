"""Create, show and end silences."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.cli.actions.activation import parse_local_time
from entrypoints.cli.actions.durations import to_duration
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.local_times import format_local
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]


async def create_silence(url: str, target: JsonObject, times: Mapping[str, str | None], reason: str, as_json: bool) -> int:
    """Create a silence and print it. `times` are `from`, `to` and `for`. Return 2 for a text that is no time; a refusal raises ApiError."""
    body: dict[str, Any] = {**target, "reason": reason}
    for key, text in times.items():
        try:
            if text is not None:
                body[key] = to_duration(text) if key == "for" else parse_local_time(text).isoformat()
        except (ValueError, OverflowError):
            print(sanitize(f"headgate: --{key}: {text} is not a time such as 2026-12-01T08:00"), file=sys.stderr)
            return 2
    async with HeadgateClient(url) as client:
        silence = await client.post("/silences/", body)
    _print_silence(silence, as_json)
    return 0


async def show_silences(url: str, ended: bool, as_json: bool, wide: bool = False) -> int:
    """Show the silences that are active or still to come, and those that are over if asked."""
    async with HeadgateClient(url) as client:
        silences = await client.get("/silences/", **({"ended": "true"} if ended else {}))
    if as_json:
        print_json(silences)
    elif silences:
        print_table([_build_row(silence) for silence in silences], name_column=1, wide=wide)
    else:
        print("No silences." if ended else "No silence is active or scheduled.")
    return 0


async def end_silence(url: str, silence_id: int, as_json: bool) -> int:
    """End the silence and print it. A silence that does not exist raises ApiError."""
    async with HeadgateClient(url) as client:
        silence = await client.delete_and_read(f"/silences/{silence_id}")
    _print_silence(silence, as_json)
    return 0


def _print_silence(silence: JsonObject, as_json: bool) -> None:
    if as_json:
        print_json(silence)
    else:
        print(sanitize(f"silence {silence['id']} of {_name_target(silence)}: {_describe_state(silence)}"))


def _build_row(silence: JsonObject) -> Sequence[str]:
    by = f"by {silence['created_by']}" if silence["created_by"] else ""
    texts = (_name_target(silence), _describe_state(silence), by, silence["reason"])
    return [str(silence["id"]), *(sanitize(text) for text in texts)]


def _name_target(silence: JsonObject) -> str:
    if silence["pipeline"]:
        return str(silence["pipeline"])
    return f"tag {silence['tag']}" if silence["tag"] else "all pipelines"


def _describe_state(silence: JsonObject) -> str:
    if silence["state"] == "over":
        return f"ended {format_local(silence['to'])}"
    start = f"from {format_local(silence['from'])} " if silence["state"] == "scheduled" else ""
    return f"{start}until {format_local(silence['to'])}"
