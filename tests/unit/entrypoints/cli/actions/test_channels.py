"""`headgate channels`."""

from __future__ import annotations

import json

from entrypoints.cli.screens.local_times import format_local
from tests.support.incidents import AlertingHeadgate
from tests.support.terminal import read_lines, run_command


async def test_channels_are_listed_with_their_state() -> None:
    headgate = AlertingHeadgate()
    now = headgate.fakes.clock.now()
    await headgate.add_channel("team")
    await headgate.add_channel("ops", disabled_at=now, disabled_reason="410: it no longer exists")
    await headgate.add_channel("pager", proved_at=now, proved_seconds=4.2)

    result = await run_command(headgate, "channels")

    assert read_lines(result) == [
        "ops webhook chat.example.com/… disabled: 410: it no longer exists",
        f"pager webhook chat.example.com/… proved {format_local(now.isoformat())}, in 4.2 s",
        "team webhook chat.example.com/… not proved",
    ]
    assert (await run_command(AlertingHeadgate(), "channels")).stdout == "There is no channel.\n"


async def test_json_is_what_the_api_returns() -> None:
    headgate = AlertingHeadgate()
    await headgate.add_channel("team")

    result = await run_command(headgate, "channels", "--json")

    assert json.loads(result.stdout) == (await headgate.client.get("/channels/")).json()
