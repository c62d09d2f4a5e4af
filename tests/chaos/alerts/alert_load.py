"""Lets runs fail and recover while processes are killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx

from tests.chaos.alerts.watched_pipelines import get_customer, get_pipeline
from tests.chaos.stack import Stack

CONNECTIONS = 24
RUN_SECONDS = 300.0
TOLD_SECONDS = 45.0
BAD = ("failed", "lost")


class AlertLoad:
    """For each customer a run fails; for every other one, another run completes afterwards: at once, or when a message has arrived.

    `has_arrived` tells whether a message about a customer has arrived.
    """

    def __init__(self, stack: Stack, chance: random.Random, has_arrived: Callable[[str], bool]) -> None:
        self._stack, self._chance, self._has_arrived = stack, chance, has_arrived
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(5.0, connect=1.0), trust_env=False, headers={"Accept": "application/json"})
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self.kills = 0

    async def run(self, customers: int, kills: int, pauses: tuple[float, float]) -> None:
        """Return when all runs have ended and all processes run again."""
        async with self._http:
            load = asyncio.gather(*(self._fail_and_recover(index) for index in range(customers)))
            for _ in range(kills):
                await asyncio.sleep(self._chance.uniform(*pauses))
                await self._kill_something()
            await load
        await asyncio.to_thread(self._stack.wait_until_ready)

    async def _fail_and_recover(self, index: int) -> None:
        async with self._connections:
            while await self._run_once(index, works=False) not in BAD:
                pass
            if index % 4 == 3:
                await self._wait_until_told(get_customer(index))
            while index % 2 and await self._run_once(index, works=True) in BAD:
                pass

    async def _wait_until_told(self, customer: str) -> None:
        """Return when a message about the customer has arrived, or after TOLD_SECONDS: a group's message names only some customers."""
        deadline = asyncio.get_running_loop().time() + TOLD_SECONDS
        while not self._has_arrived(customer) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    async def _run_once(self, index: int, *, works: bool) -> str:
        """Trigger a run and return the status in which it ends."""
        key = {"Idempotency-Key": f"{index}-{works}-{self._chance.random()}"}
        body = {"parameters": {"customer": get_customer(index), "works": works}}
        run_id = (await self._until_answered("POST", f"/trigger/{get_pipeline(index)}", json=body, headers=key))["run_id"]
        async with asyncio.timeout(RUN_SECONDS):
            while (run := await self._until_answered("GET", f"/runs/{run_id}"))["finished_at"] is None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        return str(run["status"])

    async def _until_answered(self, method: str, path: str, **keys: Any) -> dict[str, Any]:
        async with asyncio.timeout(RUN_SECONDS):
            while True:
                try:
                    answer = await self._http.request(method, self._chance.choice(self._stack.urls) + path, **keys)
                    if answer.status_code < 300:
                        return dict(answer.json())
                    assert answer.status_code in (409, 429) or answer.status_code >= 500, answer.text
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.2)

    async def _kill_something(self) -> None:
        """Kill -9 a web, a worker, or all processes of PostgreSQL, and start it again."""
        self.kills += 1
        if self._chance.random() < 0.25:
            await asyncio.to_thread(self._stack.kill_postgres)
            return
        process = self._chance.choice([*self._stack.webs, *self._stack.webs, *self._stack.workers])
        await asyncio.to_thread(process.kill)
        await asyncio.sleep(0.2)
        process.start()
