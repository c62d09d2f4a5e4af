"""On TERM, a web finishes its requests and a worker its stages; other processes take over the rest, and Prefect's record agrees."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.chaos.faults import UNAFFECTED_PIPELINES, Fault, roll_everything
from tests.chaos.pipelines import build_definitions
from tests.chaos.rounds import Tally, chaos_harness
from tests.chaos.stack import Stack, chaos_stack
from tests.support.waiting import wait_for

_UNSETTLED = "SELECT count(*) FROM dispatch WHERE ended_at IS NOT NULL AND (settled_at IS NULL OR flow_run_id IS NULL)"
_ENDED_WELL = (
    "SELECT flow_run_id, run.id FROM dispatch JOIN run ON run.id = run_id"
    " WHERE run.status = 'completed' AND NOT lost AND dispatch.epoch = run.dispatch_epoch"
)

_BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
"""Counts the locks that wait for this transaction. In a transaction, pg_stat_activity would not show later connections."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with a lease that no restart exceeds."""
    with chaos_stack(HEADGATE_LEASE_SECONDS="60", HEADGATE_HEARTBEAT_SECONDS="5") as started:
        for definition in build_definitions(started.starts_file):
            started.create(definition)
        yield started


def test_a_rolling_restart_under_load_loses_nothing_and_prefect_agrees(stack: Stack) -> None:
    async def roll() -> Tally:
        async with chaos_harness(stack, random.Random(5)) as harness:
            fault = Fault("everything rolled", roll_everything, UNAFFECTED_PIPELINES)
            return await harness.run_flood(60, fault, (0.5, 1.0), pace=0.2)

    tally = asyncio.run(roll())

    assert tally.points >= 1
    assert (tally.findings.all, dict(tally.statuses)) == ([], {"completed": tally.runs})
    wait_for(lambda: _query(stack, _UNSETTLED) == [(0,)], 150, stack.read_logs)
    flow_runs = dict(_query(stack, _ENDED_WELL))
    assert flow_runs
    states = {flow_run_id: _get_state(stack, flow_run_id) for flow_run_id in flow_runs}
    assert set(states.values()) == {"COMPLETED"}, states
    assert "Crash detected" not in "".join(worker.read_log(1_000_000) for worker in stack.workers)


def test_a_stopping_worker_finishes_its_stage_and_another_continues(stack: Stack) -> None:
    run_id = stack.trigger("patient")
    worker = wait_for(lambda: next((each for each in stack.workers if stack.find_stages(each)), None), 20)

    code = worker.terminate(15)

    wait_for(lambda: stack.get(f"/runs/{run_id}")["status"] == "completed", 30)
    worker.start()
    stack.wait_until_ready()
    events = stack.get(f"/runs/{run_id}/events")
    workers = [event["actor"] for event in events if event["type"] == "dispatch.claimed"]
    assert code == 0
    assert [stage["attempt"] for stage in stack.get(f"/runs/{run_id}/stages")] == [1, 1]
    assert len(workers) == len(set(workers)) == 2


def test_a_stopping_web_finishes_its_open_requests(stack: Stack) -> None:
    stack.create({"name": "locked", "stages": [{"name": "a", "command": ["true"]}]})  # nothing but the request waits for its row
    answer = _stop_web_during_request(stack)
    if answer.status_code == 503:  # the web was so slow to stop that the request waited longer than the database lets it
        answer = _stop_web_during_request(stack)

    assert answer.status_code == 202, answer.text
    wait_for(lambda: stack.get(f"/runs/{answer.json()['run_id']}")["status"] == "completed", 30)


def _stop_web_during_request(stack: Stack) -> httpx.Response:
    """Send TERM to a web while its request waits for a row, let the request continue, and start the web again. Return the answer."""
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.post(f"{stack.urls[1]}/trigger/locked", timeout=20, trust_env=False)))
    with stack.postgres.connection("headgate") as holder, holder.transaction():
        holder.execute("SELECT 1 FROM pipeline WHERE name = 'locked' FOR UPDATE")
        asking.start()
        wait_for(lambda: holder.execute(_BLOCKED).fetchone() != (0,), 10)
        stack.webs[1].signal(15)  # type: ignore[arg-type]
        wait_for(lambda: _refuses_connections(stack.urls[1]), 10)

    asking.join(20)
    try:
        stack.webs[1].wait(20)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the web did not end\n{stack.webs[1].read_log()}")
    stack.webs[1].start()
    stack.wait_until_ready()
    (answer,) = answers
    return answer


def _refuses_connections(url: str) -> bool:
    """Return True if nothing listens there. Sends no request: its response would have to wait for the row lock."""
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def _query(stack: Stack, statement: str) -> list[tuple[Any, ...]]:
    with stack.postgres.connection("headgate") as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


def _get_state(stack: Stack, flow_run_id: str) -> str:
    (found,) = stack.call_prefect("/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    return str(found["state_type"])
