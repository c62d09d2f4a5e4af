"""A limit of three holds while processes are killed: by the database's own history, four slots were never held at an instant."""

from __future__ import annotations

import asyncio
import random

from tests.chaos.checker import Checker, Findings
from tests.chaos.load_driver import Driver
from tests.chaos.pipelines import a_command_stage
from tests.chaos.process import Process
from tests.chaos.slot_history import SlotHistory
from tests.chaos.stack import Stack, chaos_stack

TRIGGERS, LIMIT, KILLS = 500, 3, 8
CONNECTIONS = 60
END_SECONDS = 240.0
TAGGED = {"parameters": {"type": "object", "properties": {"tag": {"type": "string"}}}}


def test_500_triggers_at_once_never_exceed_a_limit_of_three_under_kills() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    with chaos_stack(webs=2, workers=3, with_prefect=False) as stack:
        stages = [a_command_stage(stack.starts_file, "work", 0.02, retries=20, retry_on_loss=True)]
        stack.create({"name": "busy", "concurrency": [{"limit": LIMIT}], "stages": stages} | TAGGED)
        history = SlotHistory(stack)
        history.start()

        acknowledged, kills, findings = asyncio.run(_load_and_kill(stack, random.Random(seed)))

        assert findings.all == []
        assert acknowledged == TRIGGERS
        assert kills == KILLS
        assert history.get_highest_counts() == {"pipeline:1": LIMIT}
        assert history.count_grants() >= TRIGGERS
        assert history.list_leftovers() == []


async def _load_and_kill(stack: Stack, chance: random.Random) -> tuple[int, int, Findings]:
    """Trigger all runs at once, and kill processes until all have ended. Return what was acknowledged, the kills and the findings."""
    driver = Driver(stack.urls, chance)
    checker = Checker(stack, driver.ledger)
    try:
        connections = asyncio.Semaphore(CONNECTIONS)
        load = [asyncio.create_task(_trigger(driver, connections)) for _ in range(TRIGGERS)]
        kills = await _kill_processes(stack, chance)
        await asyncio.gather(*load)
        await asyncio.to_thread(stack.wait_until_ready)
        unfinished = await checker.wait_for_runs(0, END_SECONDS)
        findings = await checker.check(0, ("busy",))
        findings.stuck += unfinished
        return len(driver.ledger.triggers), kills, findings
    finally:
        await driver.close()


async def _trigger(driver: Driver, connections: asyncio.Semaphore) -> None:
    async with connections:
        await driver.trigger("busy", END_SECONDS)


async def _kill_processes(stack: Stack, chance: random.Random) -> int:
    """Kill a web or a worker every second or so, and start it again."""
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        process: Process = chance.choice([*stack.webs, *stack.workers])
        await asyncio.to_thread(process.kill)
        await asyncio.sleep(0.2)
        process.start()
    return KILLS
