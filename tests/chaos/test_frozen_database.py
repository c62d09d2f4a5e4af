"""After the database was frozen, no stage that started later is ended, a fence uses no retry, and no report comes too late."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.chaos.process import send, wait_until_gone
from tests.chaos.stack import Stack, chaos_stack
from tests.chaos.standstill import check_standstill, create_pipelines

LEASE = 8.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with chaos_stack(workers=2, with_prefect=False, HEADGATE_LEASE_SECONDS=str(LEASE), HEADGATE_HEARTBEAT_SECONDS="1") as started:
        create_pipelines(started, seconds=2)
        yield started


@pytest.mark.parametrize(("seconds", "crashes"), [(5, False), (5, True)])
def test_no_stage_that_started_after_a_freeze_is_ended(stack: Stack, seconds: float, crashes: bool) -> None:
    check_standstill(stack, lambda: _freeze(stack, seconds, crashes=crashes), with_report=True)


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
