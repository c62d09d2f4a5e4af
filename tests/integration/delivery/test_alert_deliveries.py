"""Alert messages on real PostgreSQL: processes that race and are killed, and receivers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from adapters.persistence.database import Database
from application.ports.delivery.outgoing_message import OutgoingMessage
from application.services.alerts.opening_groups import GROUP_WINDOW
from application.services.loop import run_service
from domain.alerts.channel import Channel
from domain.alerts.incident import Incident
from tests.fakes.delivery.channel_sender import FakeChannelSender
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.cancelled_work import Fuse, open_until_cancelled
from tests.support.deliveries import AlertWorld, a_rule
from tests.support.stored_alerts import an_incident
from tests.support.waiting import eventually_finds


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


class FusedSender(FakeChannelSender):
    """Stops its process before or after it sends."""

    def __init__(self, inner: FakeChannelSender, fuse: Fuse) -> None:
        super().__init__()
        self._inner, self._fuse = inner, fuse

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        self._fuse.step()
        await self._inner.send(channel, message)
        self._fuse.step()


async def count_states(database: Database) -> dict[str, int]:
    async with database.engine.connect() as connection:
        rows = await connection.execute(text("SELECT state, count(*) FROM delivery GROUP BY state"))
        return {str(state): int(count) for state, count in rows}


async def is_over(database: Database) -> bool:
    return "scheduled" not in await count_states(database)


@pytest.mark.parametrize("is_resolved", [False, True], ids=["open", "resolved meanwhile"])
async def test_a_process_killed_between_any_two_steps_loses_no_message(database: Database, is_resolved: bool) -> None:
    """At most one repetition follows, with the same id. A channel that heard of the incident also hears of its end."""
    world = AlertWorld(database)
    await world.add_channels("team")
    incidents: list[Incident] = []
    has_stopped, repeated = True, 0
    while has_stopped:
        world.clock.advance(GROUP_WINDOW.total_seconds() + 1)
        incident = await world.open_incident(a_rule("team", remind=864_000.0), pipeline_id=len(incidents) + 1)
        incidents.append(incident)
        sender = world.sender
        sender.sent.clear()
        fuse = Fuse(len(incidents))
        killed = world.add_process(open_until_cancelled(database.open_unit_of_work, fuse), FusedSender(sender, fuse))
        with contextlib.suppress(asyncio.CancelledError):
            await killed.service.run_once()
        has_stopped = fuse.has_burnt
        await end_leases(database)
        if is_resolved:
            await world.resolve(incident)
        await finish_openings(world, database)
        if not is_resolved:
            await world.resolve(incident)
        await finish_openings(world, database)

        kinds, ids = world.kinds(), {message.id for message in sender.sent["team"] if message.kind == "opened"}
        step = f"after a stop at step {len(incidents)}: {kinds}"
        assert kinds in ([], ["opened", "recovered"], ["opened", "opened", "recovered"]), step
        assert kinds or is_resolved, step
        assert len(ids) <= 1, step
        repeated += kinds.count("opened") > 1

    assert len(incidents) > 20
    assert repeated > 0, "a kill between sending and recording was among the steps"


async def end_leases(database: Database) -> None:
    """Let the leases of a killed process end, as they do after a minute."""
    async with database.engine.connect() as connection:
        await connection.execute(text("UPDATE delivery SET leased_until = now() - interval '1 second' WHERE leased_until > now()"))


async def finish_openings(world: AlertWorld, database: Database) -> None:
    """Send until only reminders are left."""

    async def send() -> bool:
        await world.send()
        query = text("SELECT count(*) FROM delivery WHERE state = 'scheduled' AND kind <> 'reminder'")
        async with database.engine.connect() as connection:
            return not (await connection.execute(query)).scalar_one()

    await eventually_finds(send, 60)


async def test_several_processes_send_each_message_once(database: Database) -> None:
    world = AlertWorld(database)
    names = [f"channel-{n}" for n in range(5)]
    await world.add_channels(*names)
    for batch in range(20):
        ids = range(batch * 4 + 1, batch * 4 + 5)
        await world.open_incidents(*(an_incident(id, cause=f"fingerprint:{batch}") for id in ids), rule=a_rule(*names))
    processes = [world.add_process() for _ in range(3)]
    errors: list[Exception] = []
    tasks = [asyncio.create_task(run_service(each.service, each.service.wait, lambda _, error: errors.append(error))) for each in processes]

    await eventually_finds(lambda: is_over_soon(world, database), 60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert not errors
    for name in names:
        counts = Counter(message.id for message in world.sender.sent[name])
        assert set(counts.values()) == {1}, name
        assert len(counts) >= 30, "the first 30 incidents have messages of their own"


async def is_over_soon(world: AlertWorld, database: Database) -> bool:
    world.clock.advance(5)
    return await is_over(database)


async def test_the_same_pass_on_postgresql_groups_holds_and_digests(database: Database) -> None:
    """The scenario of the fakes, with the statements of PostgreSQL."""
    world = AlertWorld(database)
    await world.add_channels("team", "mail")
    await world.open_incidents(*(an_incident(id, cause="worker:w1") for id in range(1, 13)), rule=a_rule("team"))
    await world.open_incident(a_rule("mail"), pipeline_id=20, cause="worker:w1")
    await world.send()
    await world.send(31)
    assert world.kinds("team") == ["opened"] * 5 + ["grouped"]
    assert world.kinds("mail") == ["grouped"]

    async with database.open_unit_of_work() as work:
        members = await work.incidents.list_group(6, 100)
    assert len(members) == 8
    for member in members:
        await world.resolve(member)
        await world.send()

    assert world.kinds("mail") == ["grouped", "recovered"]
    assert world.kinds("team").count("recovered") == 1


async def test_hostile_texts_are_stored_and_sent(database: Database) -> None:
    world: Any = AlertWorld(database)
    await world.add_channels("team")

    await world.open_incident(summary="failed at a: \x1b[31m\u202e<b>'\"\\ " + "x" * 250, concurrency_key="k=" + "é" * 100)
    await world.send()

    assert world.kinds() == ["opened"]
    assert len(world.subjects()[0]) <= 200


async def test_health_metrics_count_open_incidents_and_know_the_oldest_delivery(database: Database) -> None:
    world = AlertWorld(database)
    await world.add_channels("team")
    healthy = await database.vitals.read(60.0, 10.0)
    incidents = await world.open_incidents(an_incident(1), an_incident(2), an_incident(3))
    await world.resolve(incidents[0])
    async with database.engine.connect() as connection:
        await connection.execute(text("UPDATE delivery SET due_at = now() - interval '1 hour' WHERE id = (SELECT max(id) FROM delivery)"))

    waiting = await database.vitals.read(60.0, 10.0)
    await world.send()
    sent = await database.vitals.read(60.0, 10.0)

    assert (healthy.open_incidents, healthy.delivery_age) == (0, 0.0)
    assert waiting.open_incidents == 2
    assert 3_600 <= waiting.delivery_age < 4_000
    assert sent.delivery_age == 0.0
