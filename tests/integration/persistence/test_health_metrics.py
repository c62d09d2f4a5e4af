"""Health metrics of a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from application.ports.queries.health_metrics import LimitMetrics
from tests.support.limited_webs import LimitedWebs, open_limited_webs


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[LimitedWebs]:
    async with open_limited_webs(database_url, 1) as webs:
        yield webs


async def test_slots_are_counted_by_limit_and_named_after_pipeline_or_group(limited: LimitedWebs) -> None:
    limits = [{"limit": 2}, {"key": {"parameter": "customer"}, "limit": 1}, {"group": "disk", "limit": 9}]
    await limited.add_pipeline("sales", concurrency=limits, parameters={"type": "object"})
    await limited.add_pipeline("idle", concurrency=[{"limit": 5}])
    for customer in ("a", "a", "b"):
        await limited.trigger("sales", parameters={"customer": customer})

    metrics = await limited.database.vitals.read(60.0, 10.0)

    assert sorted(metrics.limits, key=lambda each: each.limit) == [
        LimitMetrics("group:disk", 1, 2),
        LimitMetrics("idle", 0, 0),
        LimitMetrics("sales", 1, 2),
        LimitMetrics("sales:customer", 1, 2),
    ]


async def test_a_run_that_waits_for_a_slot_is_not_late(limited: LimitedWebs) -> None:
    await limited.add_pipeline("sales", concurrency=[{"limit": 1}])
    for _ in range(3):
        await limited.trigger("sales")
    async with limited.database.engine.connect() as connection:
        await connection.execute(text("UPDATE run SET created_at = created_at - interval '1 hour'"))

    assert (await limited.database.vitals.read(60.0, 10.0)).late == 1
