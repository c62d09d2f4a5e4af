"""Told to end, a web and a worker finish what they have begun and leave the rest to others."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.chaos.faults import UNAFFECTED_PIPELINES, Fault, roll_everything
from tests.chaos.pipelines import definitions
from tests.chaos.rounds import Tally, chaos_harness
from tests.chaos.stack import Stack, chaos_stack, wait_for


@pytest.fixture(scope="module")
def usual() -> Iterator[Stack]:
    """With the leases of real use."""
    with chaos_stack(with_prefect=False, HEADGATE_LEASE_SECONDS="20", HEADGATE_HEARTBEAT_SECONDS="5") as started:
        for definition in definitions(started.starts_file):
            started.create(definition)
        yield started


def test_a_rolling_restart_under_load_loses_nothing(usual: Stack) -> None:
    async def roll() -> Tally:
        async with chaos_harness(usual, random.Random(5)) as harness:
            tally = await harness.flood(60, Fault("everything rolled", roll_everything, UNAFFECTED_PIPELINES), (0.5, 1.0))
            assert tally.points >= 1
            assert tally.findings.all == []
            return tally

    tally = asyncio.run(roll())

    assert tally.endings == {"completed": tally.runs}


def test_a_worker_told_to_end_finishes_its_stage_and_another_goes_on(usual: Stack) -> None:
    run_id = usual.trigger("patient")
    worker = wait_for(lambda: next((each for each in usual.workers if usual.find_stages(each)), None), 20)

    code = worker.terminate(15)

    wait_for(lambda: usual.get(f"/runs/{run_id}")["status"] == "completed", 30)
    worker.start()
    usual.wait_until_ready()
    events = usual.get(f"/runs/{run_id}/events")
    carriers = [event["actor"] for event in events if event["type"] == "dispatch.claimed"]
    assert code == 0
    assert [stage["attempt"] for stage in usual.get(f"/runs/{run_id}/stages")] == [1, 1]
    assert len(carriers) == len(set(carriers)) == 2


def test_a_web_told_to_end_answers_what_it_was_asked(usual: Stack) -> None:
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.post(f"{usual.urls[1]}/trigger/sequence", timeout=20, trust_env=False)))
    with usual.postgres.connection("headgate") as holder, holder.transaction():
        holder.execute("SELECT 1 FROM pipeline WHERE name = 'sequence' FOR UPDATE")
        asking.start()
        wait_for(lambda: holder.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone() != (0,), 10)
        usual.webs[1].signal(15)  # type: ignore[arg-type]
        wait_for(lambda: _refuses(usual.urls[1]), 10)

    asking.join(20)
    usual.webs[1].wait(20)
    usual.webs[1].start()
    usual.wait_until_ready()

    assert [answer.status_code for answer in answers] == [202]
    wait_for(lambda: usual.get(f"/runs/{answers[0].json()['run_id']}")["status"] == "completed", 30)


def _refuses(url: str) -> bool:
    """Nobody listens there any more. Asks no question: waiting for its answer would outlast the patience of the row's lock."""
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
