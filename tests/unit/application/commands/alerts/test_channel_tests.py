"""Test messages and drills, and the proof that they arrived."""

from __future__ import annotations

import asyncio

import pytest

from application.commands.alerts.test_channel import ChannelTest, TestChannel
from application.ports.delivery.channel_sender import DeliveryFailed
from application.services.deliveries.drill_service import DRILL_INTERVAL
from domain.access.actor import Actor
from domain.alerts.delivery import DeliveryState
from domain.errors import NotFound
from tests.support.incidents import AlertingHeadgate
from tests.support.stored_alerts import add_channel

WEEK = DRILL_INTERVAL.total_seconds()


async def a_headgate(**channel: object) -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    await add_channel(headgate.fakes.open_unit_of_work, **channel)
    return headgate


async def run_test(headgate: AlertingHeadgate) -> ChannelTest:
    async def send() -> None:
        await headgate.application.wakeups().deliveries.wait()
        await headgate.application.delivery_service().run_once()

    result, _ = await asyncio.gather(headgate.application.test_channel()("team", Actor("ada")), send())
    return result  # type: ignore[no-any-return]


async def drill(headgate: AlertingHeadgate) -> None:
    await headgate.application.drill_service().run_once()
    await headgate.application.delivery_service().run_once()


def find_channel(headgate: AlertingHeadgate) -> object:
    return next(iter(headgate.fakes.store.committed.channels.values())).channel


async def test_a_test_message_says_that_it_arrived() -> None:
    headgate = await a_headgate()

    result = await run_test(headgate)

    assert (result.state, result.error, result.seconds) == (DeliveryState.SENT, None, 0.0)
    [message] = headgate.fakes.channel_sender.sent["team"]
    assert message.subject == "Test of channel team"
    assert message.text.startswith("Headgate sent this message for ada to test channel team. Nothing is broken.")
    assert headgate.list_audit() == [("channel_tested", "channel team")]


async def test_a_test_that_fails_says_why_and_is_not_repeated() -> None:
    headgate = await a_headgate()
    headgate.fakes.channel_sender.broken["team"] = DeliveryFailed("The receiver answered 404.")

    result = await run_test(headgate)
    headgate.fakes.clock.advance(WEEK)
    await headgate.application.delivery_service().run_once()

    assert (result.state, result.error) == (DeliveryState.DEAD, "The receiver answered 404.")
    assert len(headgate.fakes.channel_sender.tried["team"]) == 1
    assert headgate.fakes.store.committed.incidents == {}, "the person who tests sees the error"


async def test_a_test_enables_a_disabled_channel_that_works_again() -> None:
    headgate = await a_headgate()
    headgate.fakes.channel_sender.failures["team"] = [DeliveryFailed("410 Gone", disables_channel=True)]
    await headgate.application.drill_service().run_once()
    async with headgate.fakes.open_unit_of_work() as work:
        channel = await work.channels.lock("team")
        assert channel is not None
        await work.channels.save(channel.disable("410 Gone", headgate.fakes.clock.now()))
        await work.commit()
    headgate.fakes.channel_sender.failures.clear()

    await run_test(headgate)

    assert find_channel(headgate).is_disabled is False  # type: ignore[attr-defined]


async def test_an_unknown_channel_is_not_found() -> None:
    with pytest.raises(NotFound):
        await AlertingHeadgate().application.test_channel()("team")


async def test_a_test_does_not_wait_for_ever() -> None:
    headgate = await a_headgate()
    wakeups = headgate.application.wakeups()
    test_channel = TestChannel(headgate.fakes.open_unit_of_work, headgate.fakes.clock, wakeups, wait_seconds=0)

    assert (await test_channel("team")).state is DeliveryState.SCHEDULED


async def test_the_reader_of_a_drill_proves_that_the_channel_works() -> None:
    headgate = await a_headgate(drill=True)
    await headgate.application.drill_service().run_once()
    headgate.fakes.clock.advance(4)
    await headgate.application.delivery_service().run_once()
    [message] = headgate.fakes.channel_sender.sent["team"]
    token = next(link.url for link in message.links if link.label == "Confirm receipt").rsplit("/", 1)[1]
    confirmed_at = headgate.fakes.clock.advance(3_600)

    result = await headgate.application.use_link()(token)

    assert message.subject == "Weekly test of channel team"
    assert result.result == "Channel team works."
    channel = find_channel(headgate)
    assert (channel.proved_at, channel.proved_seconds) == (confirmed_at, 4.0)  # type: ignore[attr-defined]


async def test_a_drill_follows_every_week_whatever_the_number_of_processes() -> None:
    headgate = await a_headgate(drill=True)
    other = headgate.start_second_process()
    sent = headgate.fakes.channel_sender.sent
    for _ in range(3):
        await asyncio.gather(headgate.application.drill_service().run_once(), other.application.drill_service().run_once())
        await headgate.application.delivery_service().run_once()
        headgate.fakes.clock.advance(WEEK - 60)
        await drill(headgate)
        headgate.fakes.clock.advance(61)

    assert len(sent["team"]) == 3


async def test_a_channel_without_drill_gets_none() -> None:
    headgate = await a_headgate()

    await drill(headgate)

    assert headgate.list_deliveries() == []
