"""After a rolling restart under load, Prefect shows every dispatch as it ended in Headgate."""

from __future__ import annotations

import asyncio
import random
from typing import Any

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


def test_no_flow_run_stands_as_crashed_after_a_rolling_restart() -> None:
    async def roll(stack: Stack) -> Tally:
        async with chaos_harness(stack, random.Random(7)) as harness:
            fault = Fault("everything rolled", roll_everything, UNAFFECTED_PIPELINES)
            return await harness.run_flood(20, fault, (0.5, 1.0), pace=0.3)

    with chaos_stack(HEADGATE_LEASE_SECONDS="60", HEADGATE_HEARTBEAT_SECONDS="5") as stack:
        for definition in build_definitions(stack.starts_file):
            stack.create(definition)

        tally = asyncio.run(roll(stack))

        assert (tally.findings.all, dict(tally.statuses)) == ([], {"completed": tally.runs})
        wait_for(lambda: _query(stack, _UNSETTLED) == [(0,)], 150, stack.read_logs)
        flow_runs = dict(_query(stack, _ENDED_WELL))
        assert flow_runs
        states = {flow_run_id: _get_state(stack, flow_run_id) for flow_run_id in flow_runs}
        assert set(states.values()) == {"COMPLETED"}, states
        assert "Crash detected" not in "".join(worker.read_log(1_000_000) for worker in stack.workers)


def _query(stack: Stack, statement: str) -> list[tuple[Any, ...]]:
    with stack.postgres.connection("headgate") as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


def _get_state(stack: Stack, flow_run_id: str) -> str:
    (found,) = stack.call_prefect("/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    return str(found["state_type"])
