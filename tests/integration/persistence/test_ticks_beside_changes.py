"""Schedules fire while people trigger, change, pause and resume the same pipelines: nothing deadlocks, and each tick has one row."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial
from random import Random
from typing import Any

from sqlalchemy import text

from adapters.persistence.database import Database
from application.commands.runs.run_opener import TriggerCommand
from application.commands.schedules.run_schedule import RunScheduleCommand
from application.services.loop import run_service
from domain.errors import Conflict, Unavailable
from tests.support.in_process import InProcessHeadgate
from tests.support.waiting import eventually_finds

PIPELINES = 8
SECONDS = 12.0
PEOPLE = 6
CHECKS = {
    "runs of ticks that do not name them": """
        SELECT count(*) FROM run WHERE trigger = 'schedule' AND NOT EXISTS
        (SELECT FROM tick WHERE tick.run_id = run.id AND tick.schedule_id = run.schedule_id AND due_at = scheduled_for)
    """,
    "ticks whose run does not exist": "SELECT count(*) FROM tick WHERE run_id IS NOT NULL AND run_id NOT IN (SELECT id FROM run)",
    "fired ticks without a run": "SELECT count(*) FROM tick WHERE (state IN ('fired', 'late')) <> (run_id IS NOT NULL)",
    "runs of two ticks": "SELECT count(run_id) - count(DISTINCT run_id) FROM tick",
    "ticks that no time of the schedule explains": "SELECT count(*) FROM tick WHERE extract(epoch FROM due_at)::int % 5 <> 0",
}


async def test_ticks_beside_triggers_changes_and_pauses(database_url: str) -> None:
    seed = Random().randrange(1_000_000)
    print(f"seed {seed}")
    async with AsyncExitStack() as stack:
        webs = [await _open_web(stack, database_url) for _ in range(3)]
        for number in range(PIPELINES):
            await webs[0].application.create_pipeline()(_write(number, "skip"))
        errors: list[Exception] = []
        services = [asyncio.create_task(_tick(web, errors)) for web in webs]

        await asyncio.gather(*(_act(webs, Random(f"{seed}:{person}"), errors) for person in range(PEOPLE)))

        await _resume_all(webs[0])
        database: Database = webs[0].fakes.database  # type: ignore[attr-defined]
        await eventually_finds(partial(_count, database, "SELECT count(*) FROM tick WHERE state = 'fired'"), seconds=60)
        for service in services:
            service.cancel()
        await asyncio.gather(*services, return_exceptions=True)
        found = {name: await _count(database, query) for name, query in CHECKS.items()}
    assert errors == []
    assert found == dict.fromkeys(CHECKS, 0)


async def _open_web(stack: AsyncExitStack, url: str) -> InProcessHeadgate:
    database = Database(url)
    await database.start()
    stack.push_async_callback(database.stop)
    ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    web = await stack.enter_async_context(InProcessHeadgate(ports=ports))
    web.fakes.database = database  # type: ignore[attr-defined]
    return web


async def _resume_all(web: InProcessHeadgate) -> None:
    for number in range(PIPELINES):
        with suppress(Conflict):
            await web.application.resume_pipeline()(f"p{number}")
        with suppress(Conflict):
            await web.application.resume_schedule()(f"p{number}", "often")


async def _tick(web: InProcessHeadgate, errors: list[Exception]) -> None:
    service = web.application.tick_service()
    await run_service(service, service.wait, lambda _, error: errors.append(error))


async def _act(webs: list[InProcessHeadgate], random: Random, errors: list[Exception]) -> None:
    """Do what people and programs do with pipelines, again and again."""
    end = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < end:
        application, number = random.choice(webs).application, random.randrange(PIPELINES)
        name = f"p{number}"
        try:
            match random.choice(("trigger", "change", "pause", "resume", "pause pipeline", "resume pipeline", "run and cancel")):
                case "trigger":
                    await application.trigger_pipeline()(TriggerCommand(name))
                case "change":
                    await application.change_pipeline()(
                        name, _write(number, random.choice(("skip", "queue_all", "cancel_running", "allow")))
                    )
                case "pause":
                    await application.pause_schedule()(name, "often")
                case "resume":
                    await application.resume_schedule()(name, "often")
                case "pause pipeline":
                    await application.pause_pipeline()(name)
                case "resume pipeline":
                    await application.resume_pipeline()(name)
                case _:
                    run = await application.run_schedule()(RunScheduleCommand(name, "often"))
                    await application.cancel_run()(run.run_id)
        except Conflict:
            pass
        except Unavailable as error:
            errors.append(error)
        await asyncio.sleep(random.uniform(0.0, 0.1))


def _write(number: int, overlap: str) -> dict[str, Any]:
    stages = [{"name": "work", "kind": "command", "command": ["true"]}]
    return {"name": f"p{number}", "stages": stages, "schedules": [{"name": "often", "every": "5s", "overlap": overlap}]}


async def _count(database: Database, query: str) -> int:
    async with database.engine.connect() as connection:
        return int((await connection.execute(text(query.replace(":", "\\:")))).scalar_one())
