"""The contract of the queries of alerts."""

from dataclasses import replace
from typing import Any

import pytest

from application.queries.views.alerts import ChannelView, DeliveryView, IncidentView, OpenIncidentsView
from domain.alerts.channel import ChannelKind
from domain.alerts.channel_uses import ChannelUses
from domain.alerts.delivery import DeliveryState
from domain.alerts.incident import Incident, IncidentKind, IncidentState, Resolution
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_stored_run, an_hour_later, seconds_later
from tests.support.stored_alerts import (
    a_rule,
    add_channel,
    add_delivery,
    add_incident,
    add_silence,
    add_site_rule,
    save_delivery,
    save_incident,
)

HUGE = (2**63 - 1, 2**63, 2**70, 0, -1)


async def mark_deleted(store: StoreUnderTest, pipeline_id: int) -> None:
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline_id, lock=True)
        await work.pipelines.mark_deleted(pipeline_id, NOW)
        await work.commit()


async def save(store: StoreUnderTest, incident: Incident) -> Incident:
    await save_incident(store.open_unit_of_work, incident)
    return incident


async def test_an_incident_is_shown_with_the_names_and_numbers_of_what_it_is_about(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    runs = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(2)]
    incident = await add_incident(
        store.open_unit_of_work, pipeline.id, first_run_id=runs[0], last_run_id=runs[1], concurrency_key="customer=acme", repeats=1
    )
    gone = await add_incident(store.open_unit_of_work, pipeline.id, first_run_id=404)
    await save(store, incident.snooze("ada", an_hour_later(), NOW))

    views = await store.reader.incidents(9)

    assert views == [
        IncidentView(
            gone.id,
            IncidentKind.PIPELINE,
            pipeline.id,
            "nightly",
            None,
            "critical",
            "",
            AlertEvent.FAILED,
            IncidentState.OPEN,
            "failed at a: ValueError",
            NOW,
            NOW,
            first_run_id=404,
        ),
        IncidentView(
            incident.id,
            IncidentKind.PIPELINE,
            pipeline.id,
            "nightly",
            None,
            "critical",
            "customer=acme",
            AlertEvent.FAILED,
            IncidentState.SNOOZED,
            "failed at a: ValueError",
            NOW,
            NOW,
            runs[0],
            1,
            runs[1],
            2,
            1,
            acknowledged_by="ada",
            acknowledged_at=NOW,
            snoozed_until=an_hour_later(),
        ),
    ]


async def test_incidents_come_in_pages_by_state_and_pipeline(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, name) for name in ("one", "two", "gone")]
    added = [await add_incident(store.open_unit_of_work, pipelines[n % 2].id, rule_key=f"rule-{n}") for n in range(6)]
    await add_incident(store.open_unit_of_work, pipelines[2].id)
    of_channel = await add_incident(store.open_unit_of_work, None, channel_id=(await add_channel(store.open_unit_of_work)).id)
    await mark_deleted(store, pipelines[2].id)
    await save(store, added[0].acknowledge("ada", NOW))
    await save(store, added[1].resolve(Resolution.RECOVERED, NOW))

    async def list_ids(limit: int = 9, **asked: Any) -> list[int]:
        return [view.id for view in await store.reader.incidents(limit, **asked)]

    newest_first = [of_channel.id, *(each.id for each in added[::-1])]
    assert await list_ids() == newest_first
    assert await list_ids(3) == newest_first[:3]
    assert await list_ids(3, before=newest_first[2]) == newest_first[3:6]
    assert await list_ids(states=[IncidentState.RESOLVED]) == [added[1].id]
    assert await list_ids(states=[IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED]) == [added[1].id, added[0].id]
    assert await list_ids(states=[IncidentState.OPEN], pipeline_id=pipelines[0].id) == [added[4].id, added[2].id]
    assert await list_ids(pipeline_id=pipelines[2].id) == []
    assert [len(await list_ids(before=bound)) for bound in HUGE] == [7, 7, 7, 0, 0]
    assert [await list_ids(pipeline_id=bound) for bound in HUGE] == [[]] * 5


async def test_an_incident_is_shown_with_its_deliveries(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    incident = await add_incident(store.open_unit_of_work, (await a_pipeline(store.open_unit_of_work)).id)
    sent = await add_delivery(store.open_unit_of_work, channel, "one", incident=incident)
    held = await add_delivery(store.open_unit_of_work, channel, "two", kind=MessageKind.REMINDER, incident=incident, held_by="quiet")
    await add_delivery(store.open_unit_of_work, channel, "other")
    await save_delivery(store.open_unit_of_work, sent.mark_sent(seconds_later(2)))

    detail = await store.reader.incident(incident.id)

    assert detail is not None
    assert (detail.incident.id, list(detail.timeline)) == (incident.id, [])
    assert list(detail.deliveries) == [
        DeliveryView(sent.id, incident.id, MessageKind.OPENED, "about one", "team", DeliveryState.SENT, NOW, 1, sent_at=seconds_later(2)),
        DeliveryView(held.id, incident.id, MessageKind.REMINDER, "about two", "team", DeliveryState.SCHEDULED, NOW, held_by="quiet"),
    ]
    assert [await store.reader.incident(number) for number in (404, *HUGE)] == [None] * 6


async def test_what_needs_attention_is_counted(store: StoreUnderTest) -> None:
    assert await store.reader.open_incidents(5) == OpenIncidentsView(0, [], [])
    pipeline, gone = await a_pipeline(store.open_unit_of_work), await a_pipeline(store.open_unit_of_work, "gone")
    added = [await add_incident(store.open_unit_of_work, pipeline.id, rule_key=f"rule-{n}") for n in range(6)]
    await add_incident(store.open_unit_of_work, gone.id)
    await mark_deleted(store, gone.id)
    await save(store, added[0].acknowledge("ada", NOW))
    await save(store, added[1].resolve(Resolution.RECOVERED, NOW))
    await save(store, added[2].snooze("ada", seconds_later(10 * 365 * 86400), NOW))
    await save(store, added[3].snooze("ada", seconds_later(-5), NOW))

    found = await store.reader.open_incidents(2)

    assert (found.count, [view.id for view in found.first], list(found.broken_channels)) == (3, [added[5].id, added[4].id], [])
    assert [view.id for view in (await store.reader.open_incidents(9)).first] == [each.id for each in added[:2:-1]]


async def test_channels_that_do_not_work_are_named_even_if_someone_knows(store: StoreUnderTest) -> None:
    incidents = []
    for name in ("team", "mail", "works", "deleted"):
        channel = await add_channel(store.open_unit_of_work, name)
        incidents.append(await add_incident(store.open_unit_of_work, None, channel_id=channel.id, rule_key="", event=None))
    await save(store, incidents[0].acknowledge("ada", NOW))
    await save(store, incidents[1].acknowledge("ada", NOW))
    await save(store, incidents[2].resolve(Resolution.CHANNEL_WORKS, NOW))
    await save(store, incidents[3].acknowledge("ada", NOW))
    async with store.open_unit_of_work() as work:
        deleted = await work.channels.lock("deleted")
        assert deleted is not None
        await work.channels.delete(deleted.id)
        await work.commit()

    assert await store.reader.open_incidents(9) == OpenIncidentsView(0, [], ["mail", "team"])


async def test_the_incidents_of_a_run_are_those_that_lasted_when_it_ran(store: StoreUnderTest) -> None:
    pipeline, other = await a_pipeline(store.open_unit_of_work), await a_pipeline(store.open_unit_of_work, "other")
    runs = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(4)]
    await add_incident(store.open_unit_of_work, pipeline.id, rule_key="a", first_run_id=runs[0], last_run_id=runs[0])
    lasted = await add_incident(store.open_unit_of_work, pipeline.id, rule_key="b", first_run_id=runs[0], last_run_id=runs[2])
    first = await add_incident(store.open_unit_of_work, pipeline.id, rule_key="c", first_run_id=runs[1], last_run_id=runs[1])
    await add_incident(store.open_unit_of_work, pipeline.id, rule_key="d")
    await add_incident(store.open_unit_of_work, other.id, first_run_id=runs[0], last_run_id=runs[2])

    assert [view.id for view in await store.reader.run_incidents(runs[1], 9)] == [first.id, lasted.id]
    assert [view.id for view in await store.reader.run_incidents(runs[1], 1)] == [first.id]
    assert [await store.reader.run_incidents(number, 9) for number in (runs[3], 404, *HUGE)] == [[]] * 7


async def test_a_channel_is_shown_with_its_deliveries_and_uses_but_not_its_settings(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    team = await add_channel(store.open_unit_of_work, fallback="mail", drill=True, proved_at=NOW, proved_seconds=4.5)
    await add_channel(store.open_unit_of_work, "mail", kind=ChannelKind.EMAIL)
    await add_site_rule(store.open_unit_of_work, "critical", "team", "mail")
    async with store.open_unit_of_work() as work:
        await work.channels.set_uses(pipeline.id, ["team"])
        await work.commit()
    deliveries = [await add_delivery(store.open_unit_of_work, team, f"msg-{n}") for n in range(5)]
    await save_delivery(store.open_unit_of_work, deliveries[0].kill("HTTP 400"))
    await save_delivery(store.open_unit_of_work, deliveries[1].mark_sent(NOW))

    shown = await store.reader.channels()

    expected = ChannelView(
        team.id,
        "team",
        ChannelKind.WEBHOOK,
        "hooks.example.org/…",
        NOW,
        "ada",
        "mail",
        True,
        proved_at=NOW,
        proved_seconds=4.5,
        waiting=3,
        dead=1,
        used_by=ChannelUses(("nightly",), ("critical",)),
    )
    assert shown[1] == expected == await store.reader.channel("team")
    assert (shown[0].name, shown[0].used_by) == ("mail", ChannelUses((), ("critical",), ("team",)))
    assert [await store.reader.channel(name) for name in ("other", "a\0b", "\ud800", "x" * 2000)] == [None] * 4


async def test_deliveries_of_a_channel_come_newest_first(store: StoreUnderTest) -> None:
    channel, other = await add_channel(store.open_unit_of_work), await add_channel(store.open_unit_of_work, "other")
    ids = [(await add_delivery(store.open_unit_of_work, channel, f"msg-{n}")).id for n in range(4)]
    await add_delivery(store.open_unit_of_work, other, "other")

    async def list_ids(name: str = "team", limit: int = 9, before: int | None = None) -> list[int]:
        return [view.id for view in await store.reader.deliveries(name, limit, before=before)]

    assert await list_ids() == ids[::-1]
    assert await list_ids(limit=2) == ids[:1:-1]
    assert await list_ids(before=ids[2]) == ids[1::-1]
    assert [len(await list_ids(before=bound)) for bound in HUGE] == [4, 4, 4, 0, 0]
    assert [await list_ids(name) for name in ("unknown", "a\0b")] == [[], []]


async def test_silences_come_newest_first_without_those_that_are_over(store: StoreUnderTest) -> None:
    pipeline, gone = await a_pipeline(store.open_unit_of_work), await a_pipeline(store.open_unit_of_work, "gone")
    over = await add_silence(store.open_unit_of_work, ends_at=seconds_later(5))
    of_pipeline = await add_silence(store.open_unit_of_work, pipeline_id=pipeline.id)
    planned = await add_silence(store.open_unit_of_work, tag="warehouse", starts_at=seconds_later(60))
    hidden = await add_silence(store.open_unit_of_work, pipeline_id=gone.id)
    await mark_deleted(store, gone.id)
    reader, now = store.reader, seconds_later(5)

    shown = await reader.silences(now)

    assert [(view.id, view.pipeline, view.tag) for view in shown] == [(planned.id, None, "warehouse"), (of_pipeline.id, "nightly", None)]
    assert (shown[1].reason, shown[1].created_by, shown[1].ended_at) == ("move to new disks", "ada", None)
    assert [view.id for view in await reader.silences(now, include_ended=True)] == [planned.id, of_pipeline.id, over.id]
    assert [view.id for view in await reader.silences(now, include_ended=True, limit=1, before=planned.id)] == [of_pipeline.id]
    assert [len(await reader.silences(now, before=bound)) for bound in HUGE] == [2, 2, 2, 0, 0]
    found = [await reader.silence(number) for number in (over.id, hidden.id, 404, *HUGE)]
    assert [view and view.id for view in found] == [over.id, *[None] * 7]


async def test_site_rules_come_by_name(store: StoreUnderTest) -> None:
    ids = {name: (await add_site_rule(store.open_unit_of_work, name, tags=["prod"])).id for name in ("zebra", "apple")}

    apple, zebra = await store.reader.alert_rules()

    assert (zebra.name, apple.id, apple.rule, apple.tags) == ("zebra", ids["apple"], a_rule("apple"), ("prod",))
    assert (apple.created_at, apple.created_by) == (NOW, "ada")
    assert [await store.reader.alert_rule(name) for name in ("apple", "other", "a\0b")] == [apple, None, None]


@pytest.mark.parametrize("state", list(IncidentState))
async def test_every_state_can_be_asked_for(store: StoreUnderTest, state: IncidentState) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    incident = await add_incident(store.open_unit_of_work, pipeline.id)
    await save(store, replace(incident, state=state, resolved_at=NOW if state is IncidentState.RESOLVED else None))

    found = {asked: [view.id for view in await store.reader.incidents(9, states=[asked])] for asked in IncidentState}

    assert found == {asked: [incident.id] if asked is state else [] for asked in IncidentState}
