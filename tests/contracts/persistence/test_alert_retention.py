"""The contract of retention, for incidents and messages."""

from __future__ import annotations

from domain.alerts.incident import Resolution
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, an_hour_later, seconds_later
from tests.support.stored_alerts import add_channel, add_delivery, add_incident, add_silence, save_delivery, save_incident


async def test_resolved_incidents_are_deleted_with_all_that_belongs_to_them(store: StoreUnderTest) -> None:
    pipeline, channel = await a_pipeline(store.open_unit_of_work), await add_channel(store.open_unit_of_work)
    incidents = [await add_incident(store.open_unit_of_work, pipeline.id, rule_key=key) for key in ("old", "new", "open")]
    deliveries = [await add_delivery(store.open_unit_of_work, channel, each.rule_key, incident=each) for each in incidents]
    async with store.open_unit_of_work() as work:
        await work.incidents.add_entries([IncidentEntry(each.id, NOW, IncidentEntryKind.OPENED) for each in incidents])
        for each in deliveries:
            await work.incidents.add_link_use(each.id, "retry", NOW)
        await work.commit()
    for each, at in zip(incidents, (NOW, an_hour_later()), strict=False):
        await save_incident(store.open_unit_of_work, each.resolve(Resolution.RECOVERED, at))

    deleted = await store.retention.delete_alerts(an_hour_later())

    assert deleted == 2
    assert [view.id for view in await store.reader.incidents(9)] == [incidents[2].id, incidents[1].id]
    assert await store.reader.incident(incidents[0].id) is None
    async with store.open_unit_of_work() as work:
        assert set(await work.deliveries.find_messages(["old", "new", "open"])) == {"new", "open"}
        assert [await work.deliveries.find(each.id) is not None for each in deliveries] == [False, True, True]
        assert [await work.incidents.is_link_used(each.id, "retry") for each in deliveries] == [False, True, True]
    assert await store.retention.delete_alerts(an_hour_later()) == 0


async def test_messages_about_no_incident_are_deleted_unless_they_wait(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    old, held, new = [
        await add_delivery(store.open_unit_of_work, channel, name, kind=MessageKind.NOTICE, at=seconds_later(seconds))
        for name, seconds in (("old", -1), ("held", -1), ("new", 0))
    ]
    await save_delivery(store.open_unit_of_work, old.mark_sent(NOW))
    await save_delivery(store.open_unit_of_work, new.mark_sent(NOW))

    assert await store.retention.delete_alerts(NOW) == 1

    assert [view.id for view in await store.reader.deliveries("team", 9)] == [new.id, held.id]


async def test_silences_that_are_over_and_deleted_channels_without_deliveries_are_forgotten(store: StoreUnderTest) -> None:
    await add_silence(store.open_unit_of_work, ends_at=seconds_later(-1))
    active = await add_silence(store.open_unit_of_work)
    empty, used = await add_channel(store.open_unit_of_work, "empty"), await add_channel(store.open_unit_of_work, "used")
    delivery = await add_delivery(store.open_unit_of_work, used)
    await save_delivery(store.open_unit_of_work, delivery.mark_sent(NOW))
    for channel in (empty, used):
        async with store.open_unit_of_work() as work:
            await work.channels.lock_by_id(channel.id)
            await work.channels.delete(channel.id)
            await work.commit()

    assert await store.retention.delete_alerts(NOW) == 0

    assert [view.id for view in await store.reader.silences(NOW, include_ended=True)] == [active.id]
    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find(delivery.id) is not None
