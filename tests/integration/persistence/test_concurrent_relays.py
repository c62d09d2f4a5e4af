"""Four relays on one outbox of ten thousand rows: each row is one relay's."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

from sqlalchemy import text

from adapters.persistence.database import Database
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.builders import a_pipeline, a_stored_run

ROWS = 10_000
RELAYS = 4


async def test_four_relays_lease_ten_thousand_rows_once_each(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(a_started_database(database_url)) for _ in range(RELAYS)]
        await _fill(processes[0])

        taken = await asyncio.gather(*(_take_all(process, f"relay-{number}") for number, process in enumerate(processes)))

    every = Counter(row for rows in taken for row in rows)
    assert len(every) == ROWS
    assert max(every.values()) == 1
    assert min(len(rows) for rows in taken) > ROWS / 100, "each of them had a share"


async def _fill(process: Database) -> None:
    """Rows as `Runs` would leave them: a dispatch each."""
    run_id = await a_stored_run(process.open_unit_of_work, await a_pipeline(process.open_unit_of_work, pool="gpu"))
    async with process.engine.begin() as connection:
        for table, columns in (("dispatch", "run_id, epoch, pool, requested_at, lost"), ("outbox", "run_id, epoch, pool, created_at")):
            values = "now(), false" if table == "dispatch" else "now()"
            rows = f"SELECT :run, epoch, 'gpu', {values} FROM generate_series(2, {ROWS}) AS epoch"
            await connection.execute(text(f"INSERT INTO {table} ({columns}) {rows}"), {"run": run_id})


async def _take_all(process: Database, relay: str) -> list[int]:
    taken: list[int] = []
    while True:
        async with process.open_unit_of_work() as work:
            rows = await work.outbox.lease(relay, 50, 600.0)
            await work.commit()
        if not rows:
            return taken
        taken += [row.id for row in rows]
