"""The `headgate` command, run against a Headgate on fakes."""

from __future__ import annotations

import asyncio

from typer.testing import CliRunner, Result

from entrypoints.cli.app import app
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer


async def run_command(headgate: InProcessHeadgate, *arguments: str) -> Result:
    """Run a command in a thread, with a wide terminal in UTC."""
    server = LoopServer(headgate.app)
    await server.start()
    try:
        environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000", "TZ": "UTC"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*arguments], env=environment))
    finally:
        await server.stop()


def read_lines(result: Result) -> list[str]:
    """Return the lines on standard output, with single spaces."""
    return [" ".join(line.split()) for line in result.stdout.splitlines()]
