"""A kill of every process, PostgreSQL's included, loses no tick of a backfill and runs none twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.stack import Stack, chaos_stack
from tests.chaos.test_ticks import read_all
from tests.support.backfill_history import HISTORY_SETUP, READ_HISTORY
from tests.support.waiting import wait_for

DAYS = 365
PARALLEL = 4
STEP_SECONDS = 240.0


@pytest.fixture
def nightly(tmp_path: Path) -> dict[str, Any]:
    """A pipeline whose stage adds the day of its tick to a file."""
    command = ["/bin/sh", "-c", f'echo "$HEADGATE_SCHEDULED_FOR" >> {tmp_path}/days']
    stages = [{"name": "work", "kind": "command", "command": command}]
    return {"name": "nightly", "stages": stages, "schedules": [{"name": "main", "cron": "30 2 * * *"}]}


def test_killing_every_process_runs_each_of_365_days_once(nightly: dict[str, Any]) -> None:
    with chaos_stack(webs=2, workers=2, with_prefect=False) as stack:
        stack.create(nightly)
        record_history(stack)
        first, last = datetime.now(UTC) - timedelta(days=DAYS), datetime.now(UTC) - timedelta(days=1)
        body = {"pipeline": "nightly", "from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}", "parallel": PARALLEL}
        answer = httpx.post(f"{stack.urls[0]}/backfills/", json=body, timeout=20, trust_env=False)
        assert (answer.status_code, answer.json()["total"]) == (201, DAYS), answer.text

        for share in (20, 120):
            wait_for(lambda share=share: count_ended(stack) >= share, STEP_SECONDS, stack.read_logs)  # type: ignore[misc]
            kill_everything(stack)
        wait_for(lambda: stack.get("/backfills/1")["finished_at"] is not None, STEP_SECONDS, stack.read_logs)

        check_ticks(stack)
        assert read_history(stack) == (DAYS, PARALLEL)


def count_ended(stack: Stack) -> int:
    counts = stack.get("/backfills/1")["ticks"]
    return DAYS - int(counts["pending"]) - int(counts["running"])


def kill_everything(stack: Stack) -> None:
    """Kill -9 webs, workers and PostgreSQL, and start them again."""
    for process in (*stack.webs, *stack.workers):
        process.kill()
    stack.kill_postgres()
    for process in (*stack.webs, *stack.workers):
        process.start()
    stack.wait_until_ready()


def check_ticks(stack: Stack) -> None:
    """Each day has one tick with a run of its own, which has ended."""
    ticks, runs = read_all(stack, "/backfills/1/ticks"), read_all(stack, "/runs/")

    assert len(ticks) == DAYS and len({tick["scheduled_for"] for tick in ticks}) == DAYS
    assert {(run["id"], run["scheduled_for"]) for run in runs} == {(tick["run_id"], tick["scheduled_for"]) for tick in ticks}
    assert len(runs) == DAYS and Counter(run["trigger"] for run in runs) == {"backfill": DAYS}
    assert {tick["state"] for tick in ticks} <= {"completed", "failed"}, Counter(tick["state"] for tick in ticks)


def record_history(stack: Stack) -> None:
    with stack.postgres.connection("headgate") as connection:
        for statement in HISTORY_SETUP:
            connection.execute(statement)


def read_history(stack: Stack) -> tuple[int, int]:
    """Return how many runs were opened, and the most that were unfinished at a commit that opened one."""
    with stack.postgres.connection("headgate") as connection:
        row = connection.execute(READ_HISTORY).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
