"""The numbers of queries and round trips of alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.persistence.database import Database
from application.ports.persistence.deliveries import StoredMessage
from domain.alerts.delivery import Delivery
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.alerts.rule_state import Mark, Outcome, RuleKey, RuleState
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.builders import NOW
from tests.support.stored_alerts import add_channel, an_incident


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def judge(database: Database, first: int, count: int) -> list[int]:
    """Open `count` incidents, each with a message to one channel, as the judge does. Return the sizes of its round trips."""
    keys = [RuleKey(number, "critical") for number in range(first, first + count)]
    with database.record_queries() as recorder:
        async with database.open_unit_of_work() as work:
            await work.incidents.lock_position()
            await work.incidents.find_states(keys)
            opened = await work.incidents.add([an_incident(key.pipeline_id) for key in keys])
            entries = [IncidentEntry(each.id, NOW, IncidentEntryKind.OPENED) for each in opened]
            await work.incidents.add_entries(entries)
            states = [RuleState(key, (Outcome(NOW, "1", Mark.BAD),)) for key in keys]
            await work.incidents.save_states(states)
            messages = [StoredMessage(f"m{each.id}", MessageKind.OPENED, {}, NOW, each.id, each.pipeline_id) for each in opened]
            await work.deliveries.add_messages(messages)
            await work.deliveries.add([Delivery(0, message.id, message.incident_id, 1, NOW) for message in messages])
            await work.incidents.save_position("cursor")
            await work.commit()
    return recorder.sizes


async def test_five_hundred_incidents_take_as_many_queries_as_one(database: Database) -> None:
    await add_channel(database.open_unit_of_work)
    await judge(database, 1, 1)

    sizes = [await judge(database, 1_000, 1), await judge(database, 2_000, 500)]

    assert sizes[0] == sizes[1] == [1, 1, 1, 5, 1], "position; states; incidents; entries, states, messages, deliveries; position"


async def test_a_process_without_work_asks_once(database: Database) -> None:
    await judge(database, 1, 0)

    with database.record_queries() as recorder:
        async with database.open_unit_of_work() as work:
            assert await work.deliveries.claim_due(NOW, 32, 60.0) == []
            await work.commit()
        async with database.open_unit_of_work() as work:
            assert await work.deliveries.find_next_due() is None
        async with database.open_unit_of_work() as work:
            await work.incidents.lock_position()
        async with database.open_unit_of_work() as work:
            assert not await work.alert_rules.has_any()
        await database.reader.open_incidents(5)

    assert sum(recorder.sizes) == 5
    assert len(recorder.sizes) <= 6, "the commit after the claim may be a round trip of its own"


async def test_claiming_and_saving_any_number_of_deliveries_takes_three_round_trips(database: Database) -> None:
    for name in ("one", "two", "three"):
        await add_channel(database.open_unit_of_work, name)
    async with database.open_unit_of_work() as work:
        await work.deliveries.add_messages([StoredMessage("m", MessageKind.OPENED, {}, NOW)])
        await work.deliveries.add([Delivery(0, "m", None, channel, NOW) for channel in (1, 2, 3) for _ in range(8)])
        await work.commit()

    with database.record_queries() as recorder:
        async with database.open_unit_of_work() as work:
            claimed = await work.deliveries.claim_due(NOW, 32, 60.0)
            await work.commit()
        async with database.open_unit_of_work() as work:
            saved = await work.deliveries.save([each.delivery.mark_sent(NOW) for each in claimed])
            await work.commit()

    assert (len(claimed), len(saved)) == (12, 12)
    assert len(recorder.queries) == 3, "lock the channels, lease the deliveries; later, store the results"
