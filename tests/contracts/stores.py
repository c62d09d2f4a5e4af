"""The stores that every persistence contract runs against, under one handle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy.exc

from adapters.persistence.database import Database
from application.ports.persistence.pipeline_removal import PipelineRemoval
from application.ports.persistence.retention import Retention
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.change_feed import ChangeFeed
from application.ports.queries.reader import Reader
from tests.fakes import FakeAdapters
from tests.fakes.persistence import RowRejected


@dataclass(frozen=True, slots=True)
class StoreUnderTest:
    """`refusals`: what it raises for a row or a value it does not take. `pass_time` returns once its clock has gone on by so many seconds.
    `other_feed` and `other_unit_of_work` are another process's on the same store."""

    open_unit_of_work: OpenUnitOfWork
    other_unit_of_work: OpenUnitOfWork
    reader: Reader
    change_feed: ChangeFeed
    other_feed: ChangeFeed
    retention: Retention
    pipeline_removal: PipelineRemoval
    refusals: tuple[type[Exception], ...]
    pass_time: Callable[[float], Awaitable[None]]


@asynccontextmanager
async def a_fake_store() -> AsyncIterator[StoreUnderTest]:
    adapters = FakeAdapters()

    async def pass_time(seconds: float) -> None:
        adapters.clock.advance(seconds)

    other = adapters.as_other_process()
    yield StoreUnderTest(
        adapters.open_unit_of_work,
        other.open_unit_of_work,
        adapters.reader,
        adapters.change_feed,
        other.change_feed,
        adapters.retention,
        adapters.pipeline_removal,
        (RowRejected,),
        pass_time,
    )


@asynccontextmanager
async def a_real_store(url: str) -> AsyncIterator[StoreUnderTest]:
    """The migrated PostgreSQL database at this address, by the real adapter; two processes of it."""
    one, two = Database(url), Database(url)
    refusals = (psycopg.Error, sqlalchemy.exc.SQLAlchemyError, ValueError, TypeError)
    await one.start()
    try:
        await two.start()
        try:
            yield StoreUnderTest(
                one.open_unit_of_work,
                two.open_unit_of_work,
                one.reader,
                one.change_feed,
                two.change_feed,
                one.retention,
                one.pipeline_removal,
                refusals,
                asyncio.sleep,
            )
        finally:
            await two.stop()
    finally:
        await one.stop()


async def is_blocked(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any] | None:
    """The task, when the work is still under way after a time in which it would long have ended had nothing held it."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=0.2)
    return None if done else task
