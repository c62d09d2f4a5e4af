"""After the database was frozen, no stage that started later is ended, and a fence uses no retry."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.chaos.process import send, wait_until_gone
from tests.chaos.stack import Stack, chaos_stack
from tests.support.waiting import wait_for

LEASE = 8.0
_WORK = ["sh", "-c", 'echo "$HEADGATE_RUN_ID $HEADGATE_STAGE $HEADGATE_ATTEMPT" >> "$STARTS"; sleep 2']


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with chaos_stack(workers=2, with_prefect=False, HEADGATE_LEASE_SECONDS=str(LEASE), HEADGATE_HEARTBEAT_SECONDS="1") as started:
        stage = {"kind": "command", "command": _WORK, "env": {"STARTS": str(started.starts_file)}}
        started.create({"name": "steady", "stages": [stage | {"name": name} for name in "ab"]})
        started.create({"name": "fenced", "stages": [stage | {"name": name, "retry_on_loss": True} for name in "ab"]})
        yield started


@pytest.mark.parametrize(("seconds", "crashes"), [(5, False), (5, True)])
def test_no_stage_that_started_after_a_freeze_is_ended(stack: Stack, seconds: float, crashes: bool) -> None:
    during = {name: stack.trigger(name) for name in ("steady", "fenced")}
    wait_for(lambda: all(_is_started(stack, run_id) for run_id in during.values()), 30, stack.read_logs)

    _freeze(stack, seconds, crashes=crashes)
    stack.wait_until_ready()
    after = [stack.trigger(name) for name in ("steady", "fenced") for _ in range(2)]

    for run_id in (*during.values(), *after):
        wait_for(lambda run_id=run_id: stack.get(f"/runs/{run_id}")["status"] in ("completed", "failed", "lost"), 60, stack.read_logs)  # type: ignore[misc]
    for run_id in after:
        assert _get_ends(stack, run_id) == [("completed", None)] * 2, stack.get(f"/runs/{run_id}/events")
    assert _get_ends(stack, during["steady"]) == [("completed", None)] * 2
    ends = _get_ends(stack, during["fenced"])
    assert ends.count(("completed", None)) == 2
    assert set(ends) <= {("completed", None), ("lost", "fenced")}
    starts = stack.starts_file.read_text().splitlines()
    assert len(starts) == len(set(starts))


def _freeze(stack: Stack, seconds: float, *, crashes: bool) -> None:
    """Stop every process of PostgreSQL for that time; then let them go on, or kill them and start PostgreSQL again."""
    pids = stack.list_postgres_pids()
    for pid in pids:
        send(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        for pid in pids:
            if crashes:
                send(pid, signal.SIGKILL)
            send(pid, signal.SIGCONT)
    if crashes:
        assert all(wait_until_gone(pid, 20) for pid in pids)
        stack.postgres.start()


def _is_started(stack: Stack, run_id: int) -> bool:
    return stack.starts_file.exists() and any(line.startswith(f"{run_id} ") for line in stack.starts_file.read_text().splitlines())


def _get_ends(stack: Stack, run_id: int) -> list[tuple[str, str | None]]:
    """Return the status and the reason of each attempt that has ended, in order."""
    events = stack.get(f"/runs/{run_id}/events")
    ended = [event for event in events if event["type"] == "stage.moved" and event["status"] in ("completed", "failed", "lost")]
    return [(event["status"], event["data"].get("reason")) for event in ended]
