"""`headgate channels`."""

from __future__ import annotations

import asyncio
import json

from typer.testing import Result

from application.ports.delivery.channel_sender import DeliveryFailed
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
    assert (await run_command(AlertingHeadgate(), "channels")).stdout == "No channels.\n"


async def test_json_is_what_the_api_returns() -> None:
    headgate = AlertingHeadgate()
    await headgate.add_channel("team")

    result = await run_command(headgate, "channels", "--json")

    assert json.loads(result.stdout) == (await headgate.client.get("/channels/")).json()


async def test_a_channel_is_tested() -> None:
    headgate = AlertingHeadgate()
    await headgate.add_channel("team")
    headgate.fakes.channel_sender.failures["team"].append(DeliveryFailed("The receiver responded with 500."))

    failed = await run_beside_deliveries(headgate, "channels", "test", "team")
    delivered = await run_beside_deliveries(headgate, "channels", "test", "team")
    as_json = await run_beside_deliveries(headgate, "channels", "test", "team", "--json")
    unknown = await run_command(headgate, "channels", "test", "nothing")

    assert (failed.exit_code, failed.stderr) == (1, "headgate: team: not delivered: The receiver responded with 500.\n")
    assert delivered.exit_code == 0 and delivered.stdout.startswith("team: delivered in ")
    assert json.loads(as_json.stdout)["state"] == "sent"
    assert (unknown.exit_code, "There is no channel nothing." in unknown.output) == (2, True)


async def run_beside_deliveries(headgate: AlertingHeadgate, *arguments: str) -> Result:
    """Run a command, and send what is due until it ends."""
    result = asyncio.ensure_future(run_command(headgate, *arguments))
    while not result.done():
        await headgate.application.delivery_service().run_once()
        await asyncio.sleep(0.02)
    return result.result()
