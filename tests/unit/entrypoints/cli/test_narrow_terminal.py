"""Tables in a terminal of 80 columns, with names of 100 characters."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.cells import cell_len

from tests.support.headgate_command import build_environment
from tests.support.incidents import AlertingHeadgate
from tests.support.pseudo_terminal import remove_styles, run_in_terminal
from tests.support.servers import LoopServer

NAME = "warehouse-" + "n" * 84 + "-daily"
COMMANDS = (
    "status",
    f"status {NAME}",
    f"status {NAME}#1",
    "waiting",
    "schedules",
    f"next {NAME}",
    "incidents",
    "backfills",
    "groups",
    f"groups {NAME}",
    "channels",
    "silences",
    f"why {NAME} 2026-03-02",
)
RUN_ALL = """
import sys
from entrypoints.cli.app import app
for line in sys.argv[1:]:
    print(f"$ {line}", flush=True)
    try:
        app(line.split())
    except SystemExit as end:
        print(f"exit {end.code or 0}", flush=True)
"""


async def a_headgate() -> AlertingHeadgate:
    """Return one with a failed run, and with a row for each of the commands."""
    headgate = AlertingHeadgate()
    await headgate.api.create_pipeline(
        NAME,
        {"name": f"load-{NAME[:90]}", "kind": "external"},
        {"name": "publish", "kind": "approval", "message": "Publish the figures 日本語 of this month?", "needs": []},
        schedules=[{"name": f"s-{NAME[:90]}", "cron": "0 3 * * *", "timezone": "America/Argentina/Buenos_Aires"}],
        concurrency=[{"group": NAME, "limit": 3}],
    )
    run_id = await headgate.api.trigger(NAME)
    message = "could not write 日本語 to the table of the warehouse " * 4
    await headgate.api.report(run_id=run_id, stage_name=f"load-{NAME[:90]}", status="failed", error_message=message)
    await headgate.add_incident(1, repeats=2)
    await headgate.add_channel("team")
    for path, body in (
        ("/silences/", {"pipeline": NAME, "reason": "planned work " * 20, "for": "2h"}),
        ("/backfills/", {"pipeline": NAME, "cron": "0 3 * * *", "from": "2026-02-01", "to": "2026-02-05"}),
    ):
        assert (await headgate.client.post(path, json=body)).is_success, path
    return headgate


async def test_no_row_of_a_table_is_wider_than_the_terminal() -> None:
    headgate = await a_headgate()
    server = LoopServer(headgate.app)
    await server.start()
    try:
        argv = [sys.executable, "-c", RUN_ALL, *COMMANDS]
        environment = build_environment(server.url) | {"TZ": "UTC"}
        code, output = await asyncio.to_thread(run_in_terminal, argv, environment)
    finally:
        await server.stop()

    shown: dict[str, list[str]] = {}
    for line in output.splitlines():
        if line.startswith("$ "):
            shown[line[2:]] = []
        else:
            shown[next(reversed(shown))].append(line)
    assert code == 0 and list(shown) == list(COMMANDS), output
    rows = {command: [remove_styles(line) for line in lines[:-1]] for command, lines in shown.items()}
    assert {command: lines[-1] for command, lines in shown.items()} == dict.fromkeys(COMMANDS, "exit 0"), output
    sentences = (f"status {NAME}", f"status {NAME}#1", f"groups {NAME}", f"why {NAME} 2026-03-02")  # sentences around the tables may wrap
    for command in COMMANDS:
        if command not in sentences:
            assert rows[command] and max(map(cell_len, rows[command])) <= 80, (command, rows[command])
    (board,) = rows["status"]
    assert (board.startswith("warehouse") and "…" in board and "running" in board) or "waiting" in board, board
    assert "\x1b[" in shown["status"][0] and "#1" in board
    assert all(cell_len(line) <= 80 for line in rows[f"status {NAME}"] if f"{NAME}#" not in line and "#1" in line)


async def test_whole_rows_are_printed_with_wide_and_without_a_terminal(tmp_path: Path) -> None:
    headgate = await a_headgate()
    server = LoopServer(headgate.app)
    await server.start()
    try:
        argv = [sys.executable, "-m", "entrypoints.cli", "status"]
        environment = build_environment(server.url)
        _, wide = await asyncio.to_thread(run_in_terminal, [*argv, "--wide"], environment)
        process = await asyncio.create_subprocess_exec(*argv, env=environment, cwd=tmp_path, stdout=asyncio.subprocess.PIPE)
        piped = (await process.communicate())[0].decode()
    finally:
        await server.stop()

    assert NAME in wide and "…" not in wide
    assert NAME in piped and "\x1b" not in piped and len(piped.splitlines()) == 1
