"""People trigger, cancel and end runs, and change limits, in three web processes at once: no limit is exceeded, and nothing deadlocks."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from sqlalchemy import text

from adapters.persistence.database import Database
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.retry_run import RetryRunCommand
from application.commands.runs.run_opener import TriggerCommand
from application.services.loop import run_service
from domain.errors import Conflict, Unavailable
from domain.reports.report import Report
from domain.runs.status import Status
from tests.support.in_process import InProcessHeadgate

SECONDS = 8.0
PEOPLE = 9
LIMIT = 3
MAX_LIMIT = 5
HISTORY = (
    "CREATE TABLE slot_history (bucket text, held bigint, over_limit boolean)",
    """CREATE FUNCTION note_slot() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO slot_history SELECT NEW.bucket, count(*), NEW.over_limit FROM slot WHERE bucket = NEW.bucket;
         RETURN NULL;
       END $$""",
    "CREATE TRIGGER note_slot AFTER INSERT ON slot FOR EACH ROW EXECUTE FUNCTION note_slot()",
)
"""Note at each slot that is taken how many are held then."""
CHECKS = {
    "slots over the limit of a group": f"SELECT count(*) FROM slot_history WHERE bucket = 'group:warehouse' AND held > {LIMIT}",
    "slots over the limit of a key": "SELECT count(*) FROM slot_history WHERE bucket LIKE '%:customer:%' AND held > 1",
    "slots over the largest limit of a pipeline": f"SELECT count(*) FROM slot_history WHERE bucket = 'pipeline:3' AND held > {MAX_LIMIT}",
    "slots of runs that are over": "SELECT count(*) FROM slot JOIN run ON run.id = run_id WHERE finished_at IS NOT NULL",
    "requests of runs that are over": "SELECT count(*) FROM slot_wait JOIN run ON run.id = run_id WHERE finished_at IS NOT NULL",
    "requests that hold a slot": "SELECT count(*) FROM slot_wait JOIN slot USING (bucket, run_id, position)",
    "runs that wait without a request": """
        SELECT count(*) FROM run WHERE slot_state = 'waiting' AND NOT EXISTS (SELECT FROM slot_wait WHERE run_id = id AND position = -1)
    """,
    "runs that hold no slot": """
        SELECT count(*) FROM run WHERE slot_state = 'held' AND NOT EXISTS (SELECT FROM slot WHERE run_id = id AND position = -1)
    """,
}
COMMON: dict[str, Any] = {"stages": [{"name": "a", "kind": "external"}], "parameters": {"type": "object"}}
PIPELINES: tuple[dict[str, Any], ...] = (
    {"name": "sales", "concurrency": [{"group": "warehouse", "limit": LIMIT}, {"limit": 1, "key": {"parameter": "customer"}}]},
    {"name": "stock", "concurrency": [{"group": "warehouse"}], "priority": 5},
    {"name": "mail", "concurrency": [{"limit": 2}]},
    {"name": "load", "stages": [{"name": "a", "command": ["true"], "uses": ["warehouse"]}]},
    {"name": "newest", "concurrency": [{"group": "warehouse", "when_full": "keep_newest"}]},
    {"name": "replaced", "concurrency": [{"limit": 1, "when_full": "cancel_running"}]},
)


async def test_limits_hold_beside_triggers_ends_and_changes(database_url: str) -> None:
    seed = Random().randrange(1_000_000)
    print(f"seed {seed}")
    async with AsyncExitStack() as stack:
        webs = [await _open_web(stack, database_url) for _ in range(3)]
        database: Database = webs[0].fakes.database  # type: ignore[attr-defined]
        for statement in HISTORY:
            await _execute(database, statement)
        for definition in PIPELINES:
            await webs[0].application.create_pipeline()({**COMMON, **definition})
        errors: list[BaseException] = []
        for web in webs:
            stack.push_async_callback(_stop, asyncio.create_task(_grant(web, errors)))

        async with asyncio.TaskGroup() as people:
            for person in range(PEOPLE):
                people.create_task(_act(webs, Random(f"{seed}:{person}"), errors))
        await _wait_until_nothing_fits(webs[0])

        found = {name: await _count(database, query) for name, query in CHECKS.items()}
        waited = await _count(database, "SELECT count(DISTINCT run_id) FROM event WHERE type IN ('run.granted', 'stage.granted')")
    assert found == dict.fromkeys(CHECKS, 0)
    assert [error for error in errors if not isinstance(error, Unavailable)] == []
    assert [str(error) for error in errors if "waited for each other" in str(error)] == [], "a slow machine may only cause lock timeouts"
    assert waited > 0


async def _open_web(stack: AsyncExitStack, url: str) -> InProcessHeadgate:
    database = Database(url)
    await database.start()
    stack.push_async_callback(database.stop)
    ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    web = await stack.enter_async_context(InProcessHeadgate(ports=ports))
    web.fakes.database = database  # type: ignore[attr-defined]
    return web


async def _grant(web: InProcessHeadgate, errors: list[BaseException]) -> None:
    service = web.application.grant_service()
    await run_service(service, service.wait, lambda _, error: errors.append(error))


async def _stop(service: asyncio.Task[None]) -> None:
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)


async def _act(webs: list[InProcessHeadgate], random: Random, errors: list[BaseException]) -> None:
    """Start and end runs, and change limits, again and again. A run ends by a cancellation or by a report of its external stage."""
    end = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < end:
        web = random.choice(webs)
        try:
            match random.choice(("trigger", "trigger", "cancel", "report", "report", "retry", "limit")):
                case "trigger":
                    name, parameters = random.choice(PIPELINES)["name"], {"customer": random.choice("abc")}
                    await web.application.trigger_pipeline()(TriggerCommand(name, parameters, priority=random.randrange(-3, 4)))
                case "cancel":
                    await web.application.cancel_run()(await _choose_run(web, random))
                case "report":
                    report = Report(random.choice((Status.COMPLETED, Status.FAILED)), "a")
                    await web.application.report_status()([StatusUpdate(report, run_id=await _choose_run(web, random))])
                case "retry":
                    await web.application.retry_run()(RetryRunCommand(await _choose_run(web, random, is_over=True)))
                case _:
                    limits = [{"limit": random.randrange(1, MAX_LIMIT + 1)}]
                    await web.application.change_pipeline()("mail", {**COMMON, "name": "mail", "concurrency": limits})
        except (Conflict, LookupError):
            pass
        except Unavailable as error:
            errors.append(error)


async def _choose_run(web: InProcessHeadgate, random: Random, is_over: bool = False) -> int:
    """Return one of the newest runs. Raise LookupError if there is none."""
    runs = await web.fakes.database.reader.runs(pipeline_id=None, status=None, skip=0, limit=60)  # type: ignore[attr-defined]
    return int(random.choice([run.id for run in runs if run.status.is_terminal is is_over]))


async def _wait_until_nothing_fits(web: InProcessHeadgate) -> None:
    async with asyncio.timeout(20):
        while True:
            async with web.fakes.database.open_unit_of_work() as work:  # type: ignore[attr-defined]
                if not await work.concurrency.find_grantable(1):
                    return
            await asyncio.sleep(0.05)


async def _execute(database: Database, statement: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text(statement))


async def _count(database: Database, query: str) -> int:
    async with database.engine.connect() as connection:
        return int((await connection.execute(text(query))).scalar_one())
