"""Several web processes on one real database, with grant services and workers that complete what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from adapters.persistence.database import Database
from application.commands.dispatches.advance_dispatch import AdvanceCommand, WorkerReport
from application.commands.runs.run_opener import TriggerCommand
from application.services.loop import Service, Wait, run_service
from domain.errors import Conflict, NotFound
from domain.reports.report import Report
from domain.runs.status import Status
from tests.support.in_process import InProcessHeadgate

HISTORY = (
    "CREATE TABLE slot_history (bucket text, held bigint, is_alone boolean, over_limit boolean)",
    """
    CREATE FUNCTION record_slot() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(77, hashtext(NEW.bucket));
        INSERT INTO slot_history
        SELECT NEW.bucket, count(*) FILTER (WHERE NOT slot.over_limit), NOT EXISTS (
            SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN pg_database ON pg_database.oid = pg_locks.database
            WHERE locktype = 'advisory' AND classid = 77 AND objid::bigint = (hashtext(NEW.bucket)::bigint & 4294967295)
            AND pg_database.datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL
        ), NEW.over_limit
        FROM slot WHERE bucket = NEW.bucket;
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER record_slot AFTER INSERT ON slot FOR EACH ROW EXECUTE FUNCTION record_slot()",
)
"""Records at each new slot how many the bucket has, and whether another open transaction takes one of the same bucket.

The count has the committed slots and those of the same transaction, so it is complete if the transaction is alone. A transaction that
has committed and still releases its locks has no `backend_xid` any more.
"""


@dataclass
class LimitedWebs:
    webs: Sequence[InProcessHeadgate]
    database: Database
    errors: list[Exception] = field(default_factory=list)

    async def add_pipeline(self, name: str, stages: int | list[dict[str, Any]] = 1, **keys: Any) -> int:
        return await self.webs[0].use_cases.create_pipeline(stages, name, **keys)

    async def trigger(self, name: str, index: int = 0, **keys: Any) -> int:
        """Trigger a pipeline on one of the webs and return the run's id."""
        application = self.webs[index % len(self.webs)].application
        return int((await application.trigger_pipeline()(TriggerCommand(name, **keys))).run_id)

    async def work(self, worker: str, index: int = 0, pause: float = 0.002) -> None:
        """Claim dispatches, oldest first, and complete their stages, until cancelled."""
        application = self.webs[index % len(self.webs)].application
        while True:
            async with self.database.open_unit_of_work() as work:
                requested = await work.dispatches.find_requested("headgate", 8)
            for run_id, epoch in requested:
                try:
                    await _execute(application, run_id, epoch, worker)
                except (Conflict, NotFound):
                    continue
            await asyncio.sleep(pause)

    async def query(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.engine.connect() as connection:
            return list((await connection.execute(text(statement), values)).all())

    async def count(self, statement: str, **values: Any) -> int:
        return int((await self.query(statement, **values))[0][0])

    async def until_none(self, statement: str, seconds: float = 120.0) -> None:
        """Wait until the statement counts nothing."""
        deadline = asyncio.get_running_loop().time() + seconds
        while left := await self.count(statement):
            assert asyncio.get_running_loop().time() < deadline, f"{left} left after {seconds} s: {statement}"
            await asyncio.sleep(0.05)

    async def record_history(self) -> None:
        async with self.database.engine.connect() as connection:
            for statement in HISTORY:
                await connection.execute(text(statement))

    @asynccontextmanager
    async def running(self, *, workers: int = 2, ticks: bool = False) -> AsyncIterator[None]:
        """Run the grant service of each web, and workers, within the block. Errors of a pass are added to `errors`."""
        services: list[tuple[Service, Wait]] = [
            (service, service.wait) for web in self.webs for service in [web.application.grant_service()]
        ]
        if ticks:
            services += [(service, service.wait) for web in self.webs for service in [web.application.tick_service()]]
        tasks = [asyncio.create_task(run_service(service, wait, lambda _, error: self.errors.append(error))) for service, wait in services]
        tasks += [asyncio.create_task(self.work(f"w{number}", number)) for number in range(workers)]
        try:
            yield
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_limited_webs(url: str, count: int = 3) -> AsyncIterator[LimitedWebs]:
    """Yield that many web processes, each with connections of its own. Their services do not run yet."""
    async with AsyncExitStack() as stack:
        webs, databases = [], []
        for _ in range(count):
            database = Database(url)
            await database.start()
            stack.push_async_callback(database.stop)
            ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
            webs.append(await stack.enter_async_context(InProcessHeadgate(ports=ports)))
            databases.append(database)
        yield LimitedWebs(webs, databases[0])


async def _execute(application: Any, run_id: int, epoch: int, worker: str) -> None:
    """Claim one dispatch and complete its stages until it has ended."""
    claim = await application.claim_dispatch()(run_id, epoch, worker, 4)
    starts, ended = list(claim.starts), False
    while not ended:
        reports = [
            WorkerReport(f"{run_id}:{start.stage}:{start.attempt}:{epoch}", Report(Status.COMPLETED, start.stage, start.attempt))
            for start in starts
        ]
        step = await application.advance_dispatch()(AdvanceCommand(worker, run_id, epoch, 4, reports))
        starts, ended = list(step.starts), step.ended
