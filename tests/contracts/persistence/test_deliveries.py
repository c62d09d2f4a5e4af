"""The contract of messages and deliveries."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from application.ports.persistence.deliveries import MAX_IN_FLIGHT, ClaimedDelivery, KindedDelivery, StoredMessage
from domain.alerts.channel import Channel
from domain.alerts.delivery import Delivery, DeliveryState
from domain.alerts.message import MessageKind
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, seconds_later
from tests.support.stored_alerts import add_channel, add_delivery, add_incident, save_delivery

LEASE = 60.0


async def claim(
    store: StoreUnderTest, now: datetime = NOW, limit: int = 100, *excluded: int, lease: float = LEASE
) -> list[ClaimedDelivery]:
    async with store.open_unit_of_work() as work:
        claimed = await work.deliveries.claim_due(now, limit, lease, excluded)
        await work.commit()
        return claimed


async def claim_ids(store: StoreUnderTest, *args: Any, **keys: Any) -> list[int]:
    return [each.delivery.id for each in await claim(store, *args, **keys)]


async def find_next(store: StoreUnderTest, *excluded: int) -> datetime | None:
    async with store.open_unit_of_work() as work:
        return await work.deliveries.find_next_due(excluded)


async def add_some(store: StoreUnderTest, channel: Channel, count: int, prefix: str = "msg") -> list[Delivery]:
    return [await add_delivery(store.open_unit_of_work, channel, f"{prefix}-{n}", due_at=seconds_later(n - count)) for n in range(count)]


async def test_messages_are_read_back(store: StoreUnderTest) -> None:
    messages = [
        StoredMessage("a", MessageKind.OPENED, {"subject": "nightly#27 failed", "runs": [1, 2]}, NOW, 4, 1),
        StoredMessage("b", MessageKind.DIGEST, {}, seconds_later(1)),
    ]
    async with store.open_unit_of_work() as work:
        await work.deliveries.add_messages(messages)
        await work.deliveries.add_messages([])
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find_messages(["a", "b", "c"]) == {"a": messages[0], "b": messages[1]}
        assert await work.deliveries.find_messages([]) == {}


async def test_the_first_composition_of_a_message_stays(store: StoreUnderTest) -> None:
    await add_delivery(store.open_unit_of_work, await add_channel(store.open_unit_of_work))
    first, second = ({"subject": "s", "blocks": [text]} for text in ("one", "two"))

    async with store.open_unit_of_work() as one, store.other_unit_of_work() as two:
        stored = [await one.deliveries.compose("msg-1", first)]
        waiting = await is_blocked(two.deliveries.compose("msg-1", second))
        assert waiting is not None
        await one.commit()
        stored.append(await waiting)

    assert stored == [first, first]


async def test_a_delivery_needs_its_message(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)

    with pytest.raises(store.refusals):
        async with store.open_unit_of_work() as work:
            await work.deliveries.add([Delivery(0, "unknown", None, channel.id, NOW)])
            await work.commit()


async def test_deliveries_are_read_back_with_the_kind_of_their_message(store: StoreUnderTest) -> None:
    incident = await add_incident(store.open_unit_of_work)
    channel = await add_channel(store.open_unit_of_work)
    fields: dict[str, Any] = {"tries": 3, "last_error": "HTTP 500", "first_tried_at": NOW, "held_by": "quiet", "only_if": "open"}

    added = await add_delivery(store.open_unit_of_work, channel, kind=MessageKind.ESCALATED, incident=incident, **fields)

    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find(added.id) == KindedDelivery(MessageKind.ESCALATED, added)
        assert [await work.deliveries.find(number) for number in (404, 2**70, 0)] == [None, None, None]
        assert await work.deliveries.lock([added.id, 404, 2**70]) == {added.id: added}
        assert await work.deliveries.add([]) == []
        assert await work.deliveries.find_channels("msg-1") == {channel.id}
    assert (added.incident_id, added.channel_id, added.tries) == (incident.id, channel.id, 3)


async def test_due_deliveries_are_claimed_in_order_and_once(store: StoreUnderTest) -> None:
    one, two = await add_channel(store.open_unit_of_work, "one"), await add_channel(store.open_unit_of_work, "two")
    later = await add_delivery(store.open_unit_of_work, one, "a", due_at=seconds_later(1))
    second = await add_delivery(store.open_unit_of_work, one, "b", due_at=NOW)
    first = await add_delivery(store.open_unit_of_work, two, "c", due_at=seconds_later(-9))

    claimed = await claim(store)

    assert [each.delivery.id for each in claimed] == [first.id, second.id]
    assert [replace(each.delivery, leased_until=None) for each in claimed] == [first, second]
    assert all(each.delivery.leased_until is not None and not each.was_interrupted for each in claimed)
    assert await claim_ids(store) == []
    assert await claim_ids(store, seconds_later(1)) == [later.id]


async def test_a_limit_takes_those_that_are_due_first(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    added = await add_some(store, channel, 3)

    assert await claim_ids(store, NOW, 2) == [each.id for each in added[:2]]
    assert await claim_ids(store, NOW, 2) == [added[2].id]


async def test_a_channel_has_four_deliveries_in_flight_and_does_not_delay_others(store: StoreUnderTest) -> None:
    slow, fast = await add_channel(store.open_unit_of_work, "slow"), await add_channel(store.open_unit_of_work, "fast")
    of_slow = await add_some(store, slow, MAX_IN_FLIGHT + 2, "slow")
    assert await claim_ids(store) == [each.id for each in of_slow[:MAX_IN_FLIGHT]]
    of_fast = await add_some(store, fast, 1, "fast")

    assert await claim_ids(store) == [of_fast[0].id]
    await save_delivery(store.open_unit_of_work, of_slow[1].mark_sent(NOW))

    assert await claim_ids(store) == [of_slow[MAX_IN_FLIGHT].id]
    assert await claim_ids(store) == []


async def test_excluded_channels_are_left_out(store: StoreUnderTest) -> None:
    one, two = await add_channel(store.open_unit_of_work, "one"), await add_channel(store.open_unit_of_work, "two")
    (of_one,), (of_two,) = await add_some(store, one, 1, "one"), await add_some(store, two, 1, "two")

    assert (await find_next(store, one.id), await find_next(store, one.id, two.id)) == (of_two.due_at, None)
    assert await claim_ids(store, NOW, 9, one.id) == [of_two.id]
    assert await claim_ids(store) == [of_one.id]


async def test_a_lease_that_ended_without_a_result_is_claimed_as_interrupted(store: StoreUnderTest) -> None:
    (delivery,) = await add_some(store, await add_channel(store.open_unit_of_work), 1)
    await claim(store, lease=0.2)
    assert await claim(store) == []

    await store.pass_time(0.4)

    ((claimed, was_interrupted),) = await claim(store)
    assert (claimed.id, was_interrupted) == (delivery.id, True)


async def test_two_processes_do_not_claim_from_one_channel_at_the_same_time(store: StoreUnderTest) -> None:
    one, two = await add_channel(store.open_unit_of_work, "one"), await add_channel(store.open_unit_of_work, "two")
    of_one = await add_some(store, one, MAX_IN_FLIGHT + 4, "one")

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        claimed = await first.deliveries.claim_due(NOW, 2, LEASE)
        (of_two,) = await add_some(store, two, 1, "two")
        claimed_by_other = await second.deliveries.claim_due(NOW, 9, LEASE)
        await second.commit()
        await first.commit()

    assert [each.delivery.id for each in claimed] == [each.id for each in of_one[:2]]
    assert [each.delivery.id for each in claimed_by_other] == [of_two.id]
    assert len(await claim(store)) == MAX_IN_FLIGHT - 2


async def test_many_claims_at_once_keep_the_limit_and_claim_nothing_twice(store: StoreUnderTest) -> None:
    channels = [await add_channel(store.open_unit_of_work, f"channel-{number}") for number in range(3)]
    added = [each for channel in channels for each in await add_some(store, channel, 10, channel.name)]
    channel_of = {each.id: each.channel_id for each in added}

    async def claim_with(open_work: Any) -> list[int]:
        async with open_work() as work:
            claimed = await work.deliveries.claim_due(NOW, 3, LEASE)
            await asyncio.sleep(0.01)
            await work.commit()
            return [each.delivery.id for each in claimed]

    opens = [store.open_unit_of_work, store.other_unit_of_work] * 6
    claimed = [number for numbers in await asyncio.gather(*map(claim_with, opens)) for number in numbers]
    while more := await claim_ids(store):
        claimed += more

    assert len(claimed) == len(set(claimed))
    assert sorted(channel_of[number] for number in claimed) == sorted(channel.id for channel in channels for _ in range(MAX_IN_FLIGHT))


async def test_deliveries_of_disabled_and_deleted_channels_are_claimed(store: StoreUnderTest) -> None:
    disabled, deleted = await add_channel(store.open_unit_of_work, "disabled"), await add_channel(store.open_unit_of_work, "deleted")
    ids = [(await add_some(store, channel, 1, channel.name))[0].id for channel in (disabled, deleted)]
    async with store.open_unit_of_work() as work:
        await work.channels.lock_by_id(disabled.id)
        await work.channels.save(disabled.disable("410 Gone", NOW))
        await work.channels.lock_by_id(deleted.id)
        await work.channels.delete(deleted.id)
        await work.commit()

    assert sorted(await claim_ids(store)) == ids


async def test_progress_is_stored_until_a_delivery_is_over(store: StoreUnderTest) -> None:
    (delivery,) = await add_some(store, await add_channel(store.open_unit_of_work), 1)
    ((claimed, _),) = await claim(store)
    retried = claimed.retry("HTTP 503", NOW, jitter=0.0)

    assert await save_delivery(store.open_unit_of_work, replace(retried, message_id="x", incident_id=9, channel_id=9, only_if="open"))
    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find(delivery.id) == KindedDelivery(MessageKind.OPENED, retried)
    assert await save_delivery(store.open_unit_of_work, retried.mark_sent(seconds_later(9)))
    assert not await save_delivery(store.open_unit_of_work, retried.kill("too late"))

    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find(delivery.id) == KindedDelivery(MessageKind.OPENED, retried.mark_sent(seconds_later(9)))
        assert await work.deliveries.save([]) == set()
    assert await claim(store, seconds_later(999)) == []


async def test_of_two_ends_of_a_delivery_the_first_is_stored(store: StoreUnderTest) -> None:
    (delivery,) = await add_some(store, await add_channel(store.open_unit_of_work), 1)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        assert await first.deliveries.save([delivery.mark_sent(NOW)]) == {delivery.id}
        waiting = await is_blocked(second.deliveries.save([delivery.kill("late")]))
        assert waiting is not None
        await first.commit()
        assert await waiting == set()


async def test_saves_and_releases_of_the_same_deliveries_never_wait_for_each_other(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    later = seconds_later(600)
    added = [await add_delivery(store.open_unit_of_work, channel, f"m{n}", due_at=later, tries=1, held_by="quiet") for n in range(12)]

    async def save(open_work: Any, deliveries: list[Delivery]) -> None:
        async with open_work() as work:
            await work.deliveries.save([each.hold(later, "quiet") for each in deliveries])
            await work.commit()

    async def release(open_work: Any) -> None:
        async with open_work() as work:
            await work.deliveries.release_held("quiet", NOW)
            await work.deliveries.release_channel(channel.id, NOW)
            await work.commit()

    opens = (store.open_unit_of_work, store.other_unit_of_work)
    for _ in range(5):
        await asyncio.gather(save(opens[0], added), save(opens[1], added[::-1]), release(opens[0]), release(opens[1]))

    async with store.open_unit_of_work() as work:
        assert len(await work.deliveries.list_waiting(channel.id)) == 12


async def test_a_delivery_that_is_locked_makes_others_wait(store: StoreUnderTest) -> None:
    (delivery,) = await add_some(store, await add_channel(store.open_unit_of_work), 1)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        await first.deliveries.lock([delivery.id])
        waiting = await is_blocked(second.deliveries.lock([delivery.id]))
        assert waiting is not None
        await first.commit()
        assert set(await waiting) == {delivery.id}


async def test_the_next_due_time_is_that_of_the_next_possible_claim(store: StoreUnderTest) -> None:
    assert await find_next(store) is None
    channel = await add_channel(store.open_unit_of_work)
    assert await find_next(store) is None
    added = await add_some(store, channel, MAX_IN_FLIGHT + 1)
    assert await find_next(store) == added[0].due_at

    claimed = await claim(store)
    leases = [each.delivery.leased_until for each in claimed]

    assert await find_next(store) == min(lease for lease in leases if lease is not None)
    await save_delivery(store.open_unit_of_work, added[0].mark_sent(NOW))
    assert await find_next(store) == added[-1].due_at


async def test_waiting_deliveries_of_a_channel_are_listed_and_released(store: StoreUnderTest) -> None:
    channel, other = await add_channel(store.open_unit_of_work), await add_channel(store.open_unit_of_work, "other")
    escalation = await add_delivery(store.open_unit_of_work, channel, "a", due_at=seconds_later(1800), only_if="open")
    tried = await add_delivery(store.open_unit_of_work, channel, "b", due_at=seconds_later(600), tries=4)
    of_other = await add_delivery(store.open_unit_of_work, other, "c", due_at=seconds_later(600), tries=4)
    over = await add_delivery(store.open_unit_of_work, channel, "d", tries=1)
    await save_delivery(store.open_unit_of_work, over.kill("gave up"))

    async with store.open_unit_of_work() as work:
        before = await work.deliveries.list_waiting(channel.id)
        await work.deliveries.release_channel(channel.id, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert [each.id for each in before] == [tried.id, escalation.id]
        assert list(await work.deliveries.list_waiting(channel.id)) == [replace(tried, due_at=NOW), escalation]
        assert list(await work.deliveries.list_waiting(channel.id, 1)) == [replace(tried, due_at=NOW)]
        assert list(await work.deliveries.list_waiting(other.id)) == [of_other]


async def test_held_deliveries_are_released_by_what_holds_them(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    quiet, silent, plain = [
        await add_delivery(store.open_unit_of_work, channel, f"m{by}", due_at=seconds_later(600), held_by=by)
        for by in ("quiet", "silence", None)
    ]

    async with store.open_unit_of_work() as work:
        await work.deliveries.release_held("silence", NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        due = {each.id: each.due_at for each in await work.deliveries.list_waiting(channel.id)}
    assert due == {quiet.id: seconds_later(600), silent.id: NOW, plain.id: seconds_later(600)}


async def test_the_channels_that_heard_of_an_incident_are_known(store: StoreUnderTest) -> None:
    one, two, three = [await add_channel(store.open_unit_of_work, name) for name in ("one", "two", "three")]
    incident, other = await add_incident(store.open_unit_of_work), await add_incident(store.open_unit_of_work, rule_key="other")

    async def send(channel: Channel, message_id: str, kind: MessageKind, about: Any, state: DeliveryState = DeliveryState.SENT) -> Delivery:
        return await add_delivery(store.open_unit_of_work, channel, message_id, kind=kind, incident=about, state=state)

    sent = [
        await send(one, "a", MessageKind.OPENED, incident),
        await send(one, "b", MessageKind.REMINDER, incident),
        await send(two, "a", MessageKind.OPENED, incident, DeliveryState.DEAD),
        await send(two, "c", MessageKind.RECOVERED, incident),
        await send(three, "d", MessageKind.OPENED, incident, DeliveryState.SCHEDULED),
    ]
    await send(three, "e", MessageKind.ESCALATED, other)

    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find_sent_channels([incident.id, other.id]) == {incident.id: {one.id: "a"}, other.id: {three.id: "e"}}
        assert await work.deliveries.find_sent_channels([404]) == {}
        found = await work.deliveries.list_of_incidents([incident.id])
        assert [each.delivery for each in found] == sent
        assert [each.kind.value for each in found] == ["opened", "reminder", "opened", "recovered", "opened"]


async def test_the_last_drill_of_each_channel_is_known(store: StoreUnderTest) -> None:
    one, two = await add_channel(store.open_unit_of_work, "one"), await add_channel(store.open_unit_of_work, "two")
    for number, days in enumerate((-14, -7)):
        await add_delivery(store.open_unit_of_work, one, f"drill-{number}", kind=MessageKind.DRILL, at=NOW + timedelta(days=days))
    await add_delivery(store.open_unit_of_work, two, "test", kind=MessageKind.TEST)

    async with store.open_unit_of_work() as work:
        assert await work.deliveries.find_last_drills() == {one.id: NOW - timedelta(days=7)}
