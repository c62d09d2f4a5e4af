"""The services of flow runs on real PostgreSQL: a service that is stopped at any statement doubles and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from adapters.persistence.database import Database
from application.queries.views.runs import RunView
from application.services.flow_runs import flow_run_ends, flow_run_follower, flow_run_submitter
from domain.access.actor import Actor
from domain.flow_runs.flow_state import FlowState
from domain.runs.status import Status
from tests.fakes import FakeAdapters
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.cancelled_work import Fuse, open_until_cancelled
from tests.support.followed_flow_runs import DEPLOYMENT, a_prefect_stage
from tests.support.in_process import InProcessHeadgate

PASSES = 8
"""More passes than it takes from a request to the end."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


@pytest.fixture
def prefect() -> FakeDeployments:
    prefect = FakeDeployments()
    prefect.add(DEPLOYMENT)
    return prefect


@pytest.fixture(autouse=True)
def _take_turns_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a service take over at once what another one has left."""
    monkeypatch.setattr(flow_run_submitter, "LEASE_SECONDS", 0.0)
    monkeypatch.setattr(flow_run_follower, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(flow_run_ends, "SETTLE_SECONDS", 0.0)


def a_web(database: Database, prefect: FakeDeployments, fuse: Fuse | None = None) -> InProcessHeadgate:
    """Return a web process on the database, which stops when the fuse burns."""
    ports: dict[str, Any] = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    if fuse is not None:
        ports["open_unit_of_work"] = open_until_cancelled(database.open_unit_of_work, fuse)
    return InProcessHeadgate(fakes=FakeAdapters(deployments=prefect), ports=ports)


async def follow(web: InProcessHeadgate) -> None:
    await web.application.flow_run_submitter().run_once()
    for _ in range(2):  # the second pass ends what the first one has seen
        await web.application.flow_run_follower().run_once()


async def stop_at_each_statement(
    database: Database, prefect: FakeDeployments, act: Callable[[InProcessHeadgate, int], Awaitable[None]]
) -> list[RunView]:
    """Follow one run after the other with a service that stops one statement later each time, and then with another one.

    `act` is called before. Return the runs.
    """
    other = a_web(database, prefect)
    await other.use_cases.create_pipeline([a_prefect_stage()], "nightly")
    run_ids: list[int] = []
    has_stopped = True
    while has_stopped:
        run_ids.append((await other.use_cases.trigger("nightly")).run_id)
        await act(other, run_ids[-1])
        fuse = Fuse(len(run_ids))
        with contextlib.suppress(asyncio.CancelledError):
            await follow(a_web(database, prefect, fuse))
        has_stopped = fuse.has_burnt
        for _ in range(PASSES):
            await follow(other)
    assert len(run_ids) > 10
    runs = [await database.reader.run(run_id) for run_id in run_ids]
    return [run for run in runs if run is not None]


async def count_rows(database: Database) -> int:
    async with database.engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM flow_run"))).scalar_one())


async def test_a_submitter_that_stops_at_any_statement_creates_one_flow_run(database: Database, prefect: FakeDeployments) -> None:
    async def do_nothing(web: InProcessHeadgate, run_id: int) -> None: ...

    runs = await stop_at_each_statement(database, prefect, do_nothing)

    created = [run.stages[0].newest.flow_run for run in runs]
    assert [flow_run.id for flow_run in created if flow_run is not None] == list(prefect.flow_runs)
    assert len(prefect.flow_runs) == len(runs)


async def test_a_follower_that_stops_at_any_statement_ends_each_attempt_once(database: Database, prefect: FakeDeployments) -> None:
    async def complete(web: InProcessHeadgate, run_id: int) -> None:
        await web.application.flow_run_submitter().run_once()
        flow_run_id = list(prefect.flow_runs)[-1]
        prefect.log(flow_run_id, "one\ntwo")
        prefect.flow_runs[flow_run_id].output = {"result": run_id, "artifacts": []}
        prefect.set_state(flow_run_id, FlowState.COMPLETED)

    runs = await stop_at_each_statement(database, prefect, complete)

    assert {run.status for run in runs} == {Status.COMPLETED}
    assert [run.stages[0].newest.output["result"] for run in runs] == [run.id for run in runs]
    logs = [[line.text for line in await database.reader.log(run.id, stage=None, attempt=None, after=0, limit=100)] for run in runs]
    assert logs == [["one", "two"]] * len(runs)
    assert await count_rows(database) == 0


async def test_a_follower_that_stops_at_any_statement_cancels_each_flow_run(database: Database, prefect: FakeDeployments) -> None:
    async def cancel(web: InProcessHeadgate, run_id: int) -> None:
        await web.application.flow_run_submitter().run_once()
        await web.application.cancel_run()(run_id, Actor("mara"))

    runs = await stop_at_each_statement(database, prefect, cancel)

    assert {run.status for run in runs} == {Status.CANCELLED}
    assert {flow_run.seen.state for flow_run in prefect.flow_runs.values()} == {FlowState.CANCELLED}
    assert await count_rows(database) == 0


async def test_a_request_that_is_cancelled_at_any_statement_leaves_nothing(database: Database, prefect: FakeDeployments) -> None:
    async def cancel_after_a_lost_answer(web: InProcessHeadgate, run_id: int) -> None:
        prefect.loses_answers = True
        await web.application.flow_run_submitter().run_once()
        prefect.loses_answers = False
        await web.application.cancel_run()(run_id, Actor("mara"))

    runs = await stop_at_each_statement(database, prefect, cancel_after_a_lost_answer)

    assert {run.status for run in runs} == {Status.CANCELLED}
    assert len(prefect.flow_runs) == len(runs)
    assert {flow_run.seen.state for flow_run in prefect.flow_runs.values()} == {FlowState.CANCELLED}
    assert await count_rows(database) == 0
