"""`headgate waiting`: list the stages that wait for an approval or a report."""

from collections.abc import Mapping
from typing import Any

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize


async def show_waiting(url: str, as_json: bool) -> int:
    """Print a line per waiting stage, the oldest run first. Return 0."""
    async with HeadgateClient(url) as client:
        waiting = await client.get("/waiting/")
    if as_json:
        print_json(waiting)
    elif not waiting:
        print("Nothing is waiting.")
    else:
        for stage in waiting:
            print(sanitize(_format_line(stage)))
    return 0


def _format_line(stage: Mapping[str, Any]) -> str:
    expected = {"approval": "approval", "paused": "someone to resume it in Prefect"}.get(stage["reason"], "a report")
    approvers = f" by {', '.join(stage['approvers'])}" if stage["approvers"] else ""
    question = f"  {stage['message']}" if stage["message"] else ""
    return f"{stage['pipeline']} #{stage['number']}  {stage['stage']}  waits for {expected}{approvers} until {stage['deadline']}{question}"
