"""Count, start, pause and cancel backfills with commands and the API, on a real Headgate."""

from __future__ import annotations

from pathlib import Path

from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment
from tests.support.running_headgate import Headgate

LOAD = 'case "$HEADGATE_SCHEDULED_FOR" in 2026-02*) sleep 600;; esac'
"""Ends at once in January. In February it runs until the backfill is cancelled."""


def test_the_commands_of_the_page_work(running_headgate: Headgate, tmp_path: Path, blocks: list[Block]) -> None:
    by_command, by_api = blocks
    schedules = [{"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}]
    running_headgate.create("sales", [{"name": "load", "command": LOAD, "shell": True}], schedules=schedules)
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url})

    printed = shell.run(by_command.text)
    answered = shell.run(by_api.text.replace("http://127.0.0.1:8000", running_headgate.url))

    assert "sales, nightly: 10 ticks to run" in printed and "oldest first, 4 at a time" in printed
    assert "completed, 10 of 10 completed" in printed
    assert "urn:headgate:problem" not in answered
    assert '"ticks":10,"skipped":0' in answered.replace(" ", "")
    running_headgate.wait_until(lambda: running_headgate.http.get("/backfills/2").json()["state"] == "cancelled", 60)
    assert running_headgate.http.get("/backfills/2").json()["total"] == 10
