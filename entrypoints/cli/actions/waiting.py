"""`headgate waiting`: list the stages that wait for an approval or a report."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.name_lists import format_names
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.local_times import format_local
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table


async def show_waiting(url: str, as_json: bool, wide: bool = False) -> int:
    """Print a line per waiting stage, the oldest run first. Return 0."""
    async with HeadgateClient(url) as client:
        waiting = await client.get("/waiting/")
    if as_json:
        print_json(waiting)
    elif waiting:
        print_table([_build_row(stage) for stage in waiting], wide=wide)
    else:
        print("Nothing is waiting.")
    return 0


def _build_row(stage: Mapping[str, Any]) -> Sequence[str]:
    expected = {"approval": "approval", "paused": "a resume in Prefect"}.get(stage["reason"], "a report")
    approvers = f" by {format_names(stage['approvers'], last='or')}" if stage["approvers"] else ""
    texts = (
        f"{stage['pipeline']}#{stage['number']}",
        stage["stage"],
        f"until {format_local(stage['deadline'])}" if stage["deadline"] else "",
    )
    question = f": {stage['message']}" if stage["message"] else ""
    return [*(sanitize(text) for text in texts), sanitize(f"waits for {expected}{approvers}{question}")]
