"""The contract of incidents, the states of rules and the position of the judge."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from application.ports.persistence.incidents import AlertPosition
from domain.alerts.incident import Incident, IncidentState, Resolution
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.rule import AlertEvent
from domain.alerts.rule_state import Mark, Outcome, RuleKey, RuleState
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, seconds_later
from tests.support.stored_alerts import add_channel, add_delivery, add_incident, an_incident, save_incident

KEY = RuleKey(1, "critical", "customer=acme")


async def save_states(store: StoreUnderTest, *states: RuleState) -> None:
    async with store.open_unit_of_work() as work:
        await work.incidents.save_states(states)
        await work.commit()


async def find_states(store: StoreUnderTest, *keys: RuleKey) -> dict[RuleKey, RuleState]:
    async with store.open_unit_of_work() as work:
        return dict(await work.incidents.find_states(keys))


async def find(store: StoreUnderTest, incident: Incident) -> Incident | None:
    async with store.open_unit_of_work() as work:
        return (await work.incidents.find([incident.id])).get(incident.id)


async def test_the_position_is_kept_and_one_process_holds_it(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        assert await work.incidents.lock_position() == AlertPosition(None)
        await work.incidents.save_position("cursor-1")
        await work.commit()

    async with store.open_unit_of_work() as holder, store.other_unit_of_work() as other:
        held = await holder.incidents.lock_position()
        refused = await other.incidents.lock_position()

    async with store.other_unit_of_work() as work:
        assert (held, refused, await work.incidents.lock_position()) == (AlertPosition("cursor-1"), None, AlertPosition("cursor-1"))


async def test_a_position_that_is_not_committed_is_not_kept(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.incidents.lock_position()
        await work.incidents.save_position("lost")

    async with store.open_unit_of_work() as work:
        assert await work.incidents.lock_position() == AlertPosition(None)


async def test_states_of_rules_are_replaced_by_key(store: StoreUnderTest) -> None:
    outcomes = (Outcome(NOW, "7", Mark.GOOD), Outcome(seconds_later(1.5), "@1764439200", Mark.BAD))
    first, other = RuleState(KEY, outcomes), RuleState(RuleKey(1, "critical", "customer=zorg"), ())
    await save_states(store, first, other)

    changed = RuleState(KEY, outcomes[1:])
    await save_states(store, changed)

    assert await find_states(store, KEY, other.key, RuleKey(404, "critical")) == {KEY: changed, other.key: other}
    assert await find_states(store) == {}


async def test_states_are_deleted_by_rule_or_by_pipeline(store: StoreUnderTest) -> None:
    keys = [KEY, RuleKey(1, "late"), RuleKey(1, "waiting"), RuleKey(2, "critical")]
    await save_states(store, *(RuleState(key) for key in keys))

    async def delete(*kept: str) -> list[RuleKey]:
        async with store.open_unit_of_work() as work:
            await work.incidents.delete_states(1, kept)
            await work.commit()
        return sorted(await find_states(store, *keys))

    assert await delete("critical", "late", "waiting") == sorted(keys)
    assert await delete("late", "waiting", "unknown") == sorted(keys[1:])
    assert await delete() == [keys[3]]


async def test_states_and_incidents_of_a_rule_of_all_pipelines_are_found_by_its_key(store: StoreUnderTest) -> None:
    keys = [RuleKey(1, "site:all"), RuleKey(2, "site:all"), RuleKey(2, "site:other")]
    await save_states(store, *(RuleState(key) for key in keys))
    new = [an_incident(key.pipeline_id, rule_key=key.rule_key) for key in keys]
    async with store.open_unit_of_work() as work:
        added = await work.incidents.add([*new, replace(new[0], concurrency_key="a=1", state=IncidentState.RESOLVED, resolved_at=NOW)])
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = await work.incidents.lock_unresolved_of_rule("site:all")
        await work.incidents.delete_states_of_rule("site:all")
        await work.commit()

    assert [incident.id for incident in found] == [added[0].id, added[1].id]
    assert list(await find_states(store, *keys)) == [keys[2]]


async def test_stored_incidents_are_read_back_with_ids_in_their_order(store: StoreUnderTest) -> None:
    new = [
        an_incident(rule_key=f"rule-{number}", cause="fingerprint:abc", first_run_id=2**40, last_run_id=2**40, group_id=3, unstable=True)
        for number in range(20)
    ]
    async with store.open_unit_of_work() as work:
        added = await work.incidents.add([*new, an_incident(None, channel_id=5, rule_key="", event=None)])
        assert await work.incidents.add([]) == []
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = await work.incidents.find([*(each.id for each in added), 404, 2**70, 0])
        assert [found[each.id] for each in added] == added
        assert len(found) == 21
    assert [replace(each, id=0) for each in added[:-1]] == new
    assert sorted(each.id for each in added) == [each.id for each in added]


async def test_saved_changes_are_read_back_and_openings_stay(store: StoreUnderTest) -> None:
    incident = await add_incident(store.open_unit_of_work, first_run_id=7, last_run_id=7)
    changed = replace(
        incident,
        state=IncidentState.RESOLVED,
        summary="failed at b: KeyError",
        last_run_id=9,
        repeats=2,
        last_seen_at=seconds_later(5),
        unstable=True,
        acknowledged_by="ada",
        acknowledged_at=seconds_later(6),
        snoozed_until=seconds_later(7),
        resolved_at=seconds_later(8),
        resolved_by="bob",
        resolution=Resolution.RESOLVED,
        group_id=incident.id,
    )

    await save_incident(store.open_unit_of_work, replace(changed, pipeline_id=9, rule_key="x", opened_at=seconds_later(9), event=None))

    assert await find(store, incident) == changed


async def test_one_unresolved_incident_per_rule_and_key_and_per_channel(store: StoreUnderTest) -> None:
    first = await add_incident(store.open_unit_of_work)
    await add_incident(store.open_unit_of_work, concurrency_key="customer=acme")
    await add_incident(store.open_unit_of_work, rule_key="late")
    await add_incident(store.open_unit_of_work, 2)
    of_channel = await add_incident(store.open_unit_of_work, None, channel_id=5)

    for again in (an_incident(), an_incident(None, channel_id=5)):
        with pytest.raises(store.refusals):
            async with store.open_unit_of_work() as work:
                await work.incidents.add([again])
                await work.commit()
    for resolved in (first, of_channel):
        await save_incident(store.open_unit_of_work, resolved.resolve(Resolution.RECOVERED, NOW))

    assert (await add_incident(store.open_unit_of_work)).id > first.id
    assert (await add_incident(store.open_unit_of_work, None, channel_id=5)).id > of_channel.id


async def test_unresolved_incidents_are_found_by_key_and_locked_by_pipeline_and_channel(store: StoreUnderTest) -> None:
    mine = await add_incident(store.open_unit_of_work, 1)
    keyed = await add_incident(store.open_unit_of_work, 1, concurrency_key="customer=acme")
    other = await add_incident(store.open_unit_of_work, 2)
    of_channel = await add_incident(store.open_unit_of_work, None, channel_id=5)
    over = await add_incident(store.open_unit_of_work, 1, rule_key="late")
    await save_incident(store.open_unit_of_work, over.resolve(Resolution.RECOVERED, NOW))

    async with store.open_unit_of_work() as work:
        keys = [RuleKey(1, "critical"), KEY, RuleKey(1, "late"), RuleKey(2, "critical"), RuleKey(3, "critical")]
        assert await work.incidents.find_unresolved(keys) == {keys[0]: mine, KEY: keyed, keys[3]: other}
        assert await work.incidents.find_unresolved([]) == {}
        assert list(await work.incidents.lock_unresolved(1)) == [mine, keyed]
        assert await work.incidents.lock_unresolved_of_channel(5) == of_channel
        assert await work.incidents.lock_unresolved_of_channel(6) is None


async def test_a_locked_incident_makes_others_wait(store: StoreUnderTest) -> None:
    incident = await add_incident(store.open_unit_of_work)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        await first.incidents.lock([incident.id, 404, 2**70])
        waiting = await is_blocked(second.incidents.lock([incident.id]))
        assert waiting is not None
        await first.incidents.save([incident.resolve(Resolution.DECIDED, NOW)])
        await first.commit()
        assert (await waiting)[incident.id].resolution is Resolution.DECIDED


async def test_an_incident_resolved_meanwhile_is_not_locked_as_unresolved(store: StoreUnderTest) -> None:
    incident = await add_incident(store.open_unit_of_work)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        await first.incidents.lock([incident.id])
        waiting = await is_blocked(second.incidents.lock_unresolved(1))
        assert waiting is not None
        await first.incidents.save([incident.resolve(Resolution.RECOVERED, NOW)])
        await first.commit()
        assert list(await waiting) == []


async def test_recent_openings_and_groups_are_found_by_cause(store: StoreUnderTest) -> None:
    def opened(seconds: float, cause: str | None, group_id: int | None = None) -> Incident:
        return an_incident(opened_at=seconds_later(seconds), cause=cause, group_id=group_id, rule_key=f"r{seconds}")

    async with store.open_unit_of_work() as work:
        await work.incidents.add([opened(0, "worker:w1"), opened(10, "worker:w1", 7), opened(20, "worker:w1", 8), opened(30, "worker:w2")])
        await work.incidents.add([opened(40, None)])
        await work.commit()

    async def count(cause: str | None, since: datetime) -> tuple[int, int | None]:
        async with store.open_unit_of_work() as work:
            return await work.incidents.count_recent_openings(cause, since), await work.incidents.find_recent_group(cause, since)

    assert await count("worker:w1", seconds_later(10)) == (2, 8)
    assert await count("worker:w1", seconds_later(21)) == (0, None)
    assert await count("worker:w2", NOW) == (1, None)
    assert await count(None, NOW) == (5, 8)
    assert await count(None, seconds_later(30)) == (2, None)


async def test_a_group_is_counted_and_listed(store: StoreUnderTest) -> None:
    members = [await add_incident(store.open_unit_of_work, rule_key=f"rule-{number}", group_id=7) for number in range(3)]
    await add_incident(store.open_unit_of_work, group_id=8)
    await save_incident(store.open_unit_of_work, members[1].resolve(Resolution.RECOVERED, NOW))

    async with store.open_unit_of_work() as work:
        assert tuple(await work.incidents.count_group(7)) == (3, 2)
        assert tuple(await work.incidents.count_group(404)) == (0, 0)
        assert [each.id for each in await work.incidents.list_group(7, 2)] == [each.id for each in members[:2]]


async def test_the_timeline_keeps_the_first_and_the_last_repetition(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    incident, other = [await add_incident(store.open_unit_of_work, pipeline.id, rule_key=key) for key in ("a", "b")]
    kind = IncidentEntryKind

    async def add(*entries: IncidentEntry) -> None:
        async with store.open_unit_of_work() as work:
            await work.incidents.add_entries(entries)
            await work.commit()

    await add(IncidentEntry(incident.id, NOW, kind.OPENED, data={"run_id": 1}))
    await add(*(IncidentEntry(incident.id, seconds_later(n), kind.REPEATED, data={"run_id": n}) for n in range(2, 6)))
    await add(IncidentEntry(incident.id, seconds_later(6), kind.ACKNOWLEDGED, "ada"), IncidentEntry(other.id, NOW, kind.REPEATED))
    await add(IncidentEntry(incident.id, seconds_later(7), kind.REPEATED, data={"run_id": 7}))

    detail = await store.reader.incident(incident.id)
    assert detail is not None
    assert [(entry.kind.value, entry.actor, entry.data.get("run_id")) for entry in detail.timeline] == [
        ("opened", None, 1),
        ("repeated", None, 2),
        ("acknowledged", "ada", None),
        ("repeated", None, 7),
    ]


async def test_a_link_is_used_once(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    delivery = await add_delivery(store.open_unit_of_work, channel)

    async def use(delivery_id: int, action: str) -> bool:
        async with store.open_unit_of_work() as work:
            used = await work.incidents.add_link_use(delivery_id, action, NOW)
            await work.commit()
            return used

    assert [await use(delivery.id, action) for action in ("acknowledge", "acknowledge", "retry")] == [True, False, True]
    assert [await use(number, "acknowledge") for number in (404, 2**70)] == [False, False]
    async with store.open_unit_of_work() as work:
        used = [await work.incidents.is_link_used(number, action) for number, action in ((delivery.id, "retry"), (delivery.id, "confirm"))]
        assert [*used, await work.incidents.is_link_used(2**70, "retry")] == [True, False, False]


async def test_two_clicks_on_a_link_at_the_same_time_use_it_once(store: StoreUnderTest) -> None:
    delivery = await add_delivery(store.open_unit_of_work, await add_channel(store.open_unit_of_work))

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        assert await first.incidents.add_link_use(delivery.id, "acknowledge", NOW)
        waiting = await is_blocked(second.incidents.add_link_use(delivery.id, "acknowledge", NOW))
        assert waiting is not None
        await first.commit()
        assert not await waiting


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_text_that_cannot_be_stored_is_refused(store: StoreUnderTest, text: str) -> None:
    with pytest.raises(store.refusals):
        await add_incident(store.open_unit_of_work, summary=text)


async def test_incidents_of_a_deleted_pipeline_are_removed_with_all_that_belongs_to_them(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    incident = await add_incident(store.open_unit_of_work, pipeline.id, event=AlertEvent.LOST)
    delivery = await add_delivery(store.open_unit_of_work, await add_channel(store.open_unit_of_work), incident=incident)
    await save_states(store, RuleState(RuleKey(pipeline.id, "critical")))
    async with store.open_unit_of_work() as work:
        await work.incidents.add_entries([IncidentEntry(incident.id, NOW, IncidentEntryKind.OPENED)])
        await work.incidents.add_link_use(delivery.id, "retry", NOW)
        await work.channels.set_uses(pipeline.id, ["team"])
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.mark_deleted(pipeline.id, NOW)
        await work.commit()
    hidden = await store.reader.incident(incident.id), await store.reader.incidents(9)

    while await store.pipeline_removal.remove_batch(pipeline.id, NOW + timedelta(days=1)):
        pass

    assert hidden == (None, [])
    assert await find_states(store, RuleKey(pipeline.id, "critical")) == {}
    async with store.open_unit_of_work() as work:
        assert await work.incidents.find([incident.id]) == {}
        assert (await work.deliveries.find(delivery.id), await work.deliveries.find_messages(["msg-1"])) == (None, {})
        assert not await work.incidents.is_link_used(delivery.id, "retry")
        assert not await work.alert_rules.has_any()
