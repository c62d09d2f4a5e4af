"""The contract of site rules."""

from dataclasses import replace
from datetime import time

import pytest

from application.ports.persistence.alert_rules import NewSiteRule
from domain.alerts.rule import AlertEvent, AlertRule, QuietHours, RuleTarget, SiteRule
from domain.errors import Conflict
from domain.pipelines.activation import Activation
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline
from tests.support.stored_alerts import a_rule, add_site_rule

QUIET = QuietHours("Europe/Berlin", time(22), time(7, 30), ("pager",))
FULL = AlertRule((AlertEvent.FAILED, AlertEvent.LATE), (RuleTarget("team"), RuleTarget("pager", 1800.0)), "full", 2, 14400.0, False, QUIET)


async def list_names(store: StoreUnderTest) -> list[str | None]:
    async with store.open_unit_of_work() as work:
        return [each.rule.name for each in await work.alert_rules.list_all()]


async def test_a_rule_with_all_keys_is_read_back(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        added = await work.alert_rules.add(NewSiteRule(FULL, ("warehouse", "prod"), NOW, None))
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert list(await work.alert_rules.list_all()) == [added]
        assert await work.alert_rules.lock("full") == added
        assert await work.alert_rules.lock("other") is None
    assert added == SiteRule(added.id, FULL, ("warehouse", "prod"))


async def test_rules_come_by_name_and_can_change_their_names(store: StoreUnderTest) -> None:
    rule = await add_site_rule(store.open_unit_of_work, "zebra")
    await add_site_rule(store.open_unit_of_work, "apple")
    assert await list_names(store) == ["apple", "zebra"]

    async with store.open_unit_of_work() as work:
        await work.alert_rules.lock("zebra")
        await work.alert_rules.save(replace(rule, rule=a_rule("aardvark", "pager"), tags=("prod",)))
        await work.commit()

    assert await list_names(store) == ["aardvark", "apple"]
    async with store.open_unit_of_work() as work:
        assert await work.alert_rules.lock("aardvark") == SiteRule(rule.id, a_rule("aardvark", "pager"), ("prod",))
        assert [tuple((await work.channels.find_uses(name)).rules) for name in ("pager", "team")] == [("aardvark",), ("apple",)]


async def test_a_name_is_taken_once(store: StoreUnderTest) -> None:
    await add_site_rule(store.open_unit_of_work, "one")
    two = await add_site_rule(store.open_unit_of_work, "two")

    with pytest.raises(Conflict) as added:
        await add_site_rule(store.open_unit_of_work, "one")
    async with store.open_unit_of_work() as work:
        await work.alert_rules.lock("two")
        with pytest.raises(Conflict) as saved:
            await work.alert_rules.save(replace(two, rule=a_rule("one")))

    assert [each.value.kind for each in (added, saved)] == ["alert_rule_exists"] * 2


async def test_a_rule_is_deleted_under_its_lock(store: StoreUnderTest) -> None:
    rule = await add_site_rule(store.open_unit_of_work)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        await first.alert_rules.lock("critical")
        waiting = await is_blocked(second.alert_rules.lock("critical"))
        assert waiting is not None
        await first.alert_rules.delete(rule.id)
        await first.commit()
        assert await waiting is None

    assert await list_names(store) == []


async def test_a_site_rule_or_the_rule_of_a_pipeline_counts_as_any(store: StoreUnderTest) -> None:
    async def has_any() -> bool:
        async with store.open_unit_of_work() as work:
            return await work.alert_rules.has_any()

    assert not await has_any()
    pipeline = await a_pipeline(store.open_unit_of_work)
    async with store.open_unit_of_work() as work:
        await work.channels.set_uses(pipeline.id, ["team"])
        await work.commit()
    assert await has_any()
    async with store.open_unit_of_work() as work:
        await work.channels.set_uses(pipeline.id, [])
        await work.commit()
    assert not await has_any()
    await add_site_rule(store.open_unit_of_work)
    assert await has_any()


async def test_pipelines_whose_rules_send_to_a_channel_are_listed_without_archived_ones(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, name) for name in ("one", "two", "three")]
    async with store.open_unit_of_work() as work:
        for pipeline in pipelines[:2]:
            await work.channels.set_uses(pipeline.id, ["team", "pager"])
        await work.pipelines.find(pipelines[1].id, lock=True)
        await work.pipelines.set_activation(pipelines[1].id, Activation(archived_at=NOW))
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.alert_rules.list_pipelines() == [pipelines[0].id]
