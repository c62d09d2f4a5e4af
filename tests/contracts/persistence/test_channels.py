"""The contract of channels and of what refers to them."""

from dataclasses import replace
from typing import Any

import pytest

from domain.alerts.channel import Channel, ChannelKind
from domain.alerts.channel_uses import ChannelUses
from domain.errors import Conflict
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, seconds_later
from tests.support.stored_alerts import a_channel, add_channel, add_delivery, add_site_rule


async def delete(store: StoreUnderTest, channel: Channel) -> None:
    async with store.open_unit_of_work() as work:
        await work.channels.lock(channel.name)
        await work.channels.delete(channel.id)
        await work.commit()


async def test_channels_are_read_back_by_name_and_id(store: StoreUnderTest) -> None:
    team = await add_channel(store.open_unit_of_work, "team", fallback="mail", drill=True, disabled_at=NOW, disabled_reason="410")
    mail = await add_channel(store.open_unit_of_work, "mail", kind=ChannelKind.EMAIL, proved_at=NOW, proved_seconds=4.25)

    async with store.open_unit_of_work() as work:
        channels = work.channels
        assert [await channels.find(name) for name in ("team", "mail", "other")] == [team, mail, None]
        assert await channels.find_by_ids([team.id, 404]) == {team.id: team}
        assert await channels.find_by_ids([]) == {}
        assert list(await channels.list_all()) == [mail, team]
        assert [await channels.lock("team"), await channels.lock("other")] == [team, None]
        assert [await channels.lock_by_id(number) for number in (mail.id, 404, 2**70)] == [mail, None, None]
        assert list(await channels.lock_names()) == ["mail", "team"]


async def test_a_name_is_taken_once_and_the_transaction_goes_on(store: StoreUnderTest) -> None:
    team = await add_channel(store.open_unit_of_work)

    async with store.open_unit_of_work() as work:
        with pytest.raises(Conflict) as refused:
            await work.channels.add(a_channel())
        await work.channels.add(a_channel("other"))
        await work.commit()

    assert (refused.value.kind, refused.value.facts) == ("channel_exists", {"channel": "team"})
    async with store.open_unit_of_work() as work:
        assert [each.name for each in await work.channels.list_all()] == ["other", "team"]
        assert await work.channels.find("team") == team


async def test_saved_changes_are_read_back(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)
    changed = channel.change_settings(ChannelKind.PAGERDUTY, b"\xff\x00new", "PagerDuty").disable("410", NOW).prove(seconds_later(1), 3.5)

    async with store.open_unit_of_work() as work:
        await work.channels.lock("team")
        await work.channels.save(replace(changed, name="x", created_by="x", drill=True, fallback="mail"))
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.channels.find("team") == replace(changed, drill=True, fallback="mail")


async def test_a_deleted_channel_frees_its_name_and_stays_known_by_its_deliveries(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work, fallback="team")
    await add_delivery(store.open_unit_of_work, channel)
    await delete(store, channel)

    again = await add_channel(store.open_unit_of_work)

    assert again.id != channel.id
    async with store.open_unit_of_work() as work:
        assert await work.channels.find_by_ids([channel.id, again.id]) == {again.id: again}
        assert await work.channels.lock_by_id(channel.id) is None
        assert await work.channels.find_uses("team") == ChannelUses()
    assert [view.id for view in await store.reader.channels()] == [again.id]


async def test_a_locked_channel_makes_others_wait(store: StoreUnderTest) -> None:
    channel = await add_channel(store.open_unit_of_work)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        await first.channels.lock("team")
        waiting = await is_blocked(second.channels.lock_names())
        assert waiting is not None
        await first.channels.delete(channel.id)
        await first.commit()
        assert list(await waiting) == []


async def test_a_channel_whose_name_a_rule_takes_is_not_deleted_before_the_rule_is_stored(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await add_channel(store.open_unit_of_work)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        assert list(await first.channels.lock_names()) == ["team"]
        waiting = await is_blocked(second.channels.lock("team"))
        assert waiting is not None
        await first.channels.set_uses(pipeline.id, ["team"])
        await first.commit()
        assert await waiting is not None
        assert await second.channels.find_uses("team") == ChannelUses(("nightly",))


async def test_uses_of_a_channel_are_those_of_pipelines_rules_and_channels(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, name) for name in ("weekly", "nightly", "gone")]
    await add_channel(store.open_unit_of_work, "pager", fallback="team")
    await add_site_rule(store.open_unit_of_work, "warehouse", "team", "pager")
    await add_site_rule(store.open_unit_of_work, "other", "pager")

    async def set_uses(*all_names: list[str]) -> ChannelUses:
        async with store.open_unit_of_work() as work:
            for pipeline, names in zip(pipelines, all_names, strict=False):
                await work.channels.set_uses(pipeline.id, names)
            await work.commit()
        async with store.open_unit_of_work() as work:
            return await work.channels.find_uses("team")

    assert await set_uses(["team", "pager"], ["team"], ["team"]) == ChannelUses(("gone", "nightly", "weekly"), ("warehouse",), ("pager",))
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipelines[2].id, lock=True)
        await work.pipelines.mark_deleted(pipelines[2].id, NOW)
        await work.commit()
    assert await set_uses([], ["team"]) == ChannelUses(("nightly",), ("warehouse",), ("pager",))
    async with store.open_unit_of_work() as work:
        assert not await work.channels.find_uses("unknown")


@pytest.mark.parametrize("field", [{"summary": "a\0b"}, {"disabled_reason": "\ud800"}])
async def test_text_that_cannot_be_stored_is_refused(store: StoreUnderTest, field: dict[str, Any]) -> None:
    with pytest.raises(store.refusals):
        await add_channel(store.open_unit_of_work, **field)
