"""People change channels, rules and incidents at once, in two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.persistence.database import Database
from application.commands.alerts.change_channel import ChannelChange
from application.commands.alerts.create_channel import NewChannel
from application.ports.persistence.idempotency import IdempotencyKey
from domain.access.actor import Actor
from domain.access.audit import AuditAction
from domain.alerts.channel import ChannelKind
from domain.errors import Conflict, HeadgateError, InvalidInput, NotFound
from tests.support.in_process import InProcessHeadgate
from tests.support.stored_alerts import add_incident

Webs = list[InProcessHeadgate]
PAIRS = 6


@pytest.fixture
async def webs(database_url: str) -> AsyncIterator[Webs]:
    """Two web processes on one database."""
    async with AsyncExitStack() as stack:
        yield [await _open_web(stack, database_url) for _ in range(2)]


async def _open_web(stack: AsyncExitStack, url: str) -> InProcessHeadgate:
    database = Database(url)
    await database.start()
    stack.push_async_callback(database.stop)
    ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    return await stack.enter_async_context(InProcessHeadgate(ports=ports))


async def create_channel(web: InProcessHeadgate, name: str, key: IdempotencyKey | None = None) -> Any:
    return await web.application.create_channel()(NewChannel(name, ChannelKind.WEBHOOK, {"url": "https://x.example/"}), key=key)


async def outcome(action: Awaitable[Any]) -> Any:
    """Return the result, or the class of the refusal."""
    try:
        return await action
    except HeadgateError as error:
        return type(error)


async def list_channels(web: InProcessHeadgate) -> list[str]:
    return [view.name for view in await web.application.adapters.reader().channels()]


async def test_no_rule_keeps_a_channel_that_is_deleted_at_once(webs: Webs) -> None:
    for number in range(PAIRS):
        name = f"c{number}"
        await create_channel(webs[0], name)
        rule = {"name": name, "on": ["failed"], "to": [name]}

        created, deleted = await asyncio.gather(
            outcome(webs[0].application.create_alert_rule()(rule)), outcome(webs[1].application.delete_channel()(name))
        )

        assert (created is InvalidInput, deleted) in [(True, None), (False, Conflict)]
        assert (name in await list_channels(webs[0])) is (created is not InvalidInput)


async def test_no_channel_falls_back_to_one_that_is_deleted_at_once(webs: Webs) -> None:
    for number in range(PAIRS):
        name, fallback = f"c{number}", f"f{number}"
        await create_channel(webs[0], name)
        await create_channel(webs[0], fallback)

        changed, deleted = await asyncio.gather(
            outcome(webs[0].application.change_channel()(name, ChannelChange(fallback=fallback))),
            outcome(webs[1].application.delete_channel()(fallback)),
        )

        assert (changed is InvalidInput, deleted) in [(True, None), (False, Conflict)]


async def test_two_channels_do_not_become_the_fallbacks_of_each_other(webs: Webs) -> None:
    for number in range(PAIRS):
        first, second = f"a{number}", f"b{number}"
        await create_channel(webs[0], first)
        await create_channel(webs[0], second)

        results = await asyncio.gather(
            outcome(webs[0].application.change_channel()(first, ChannelChange(fallback=second))),
            outcome(webs[1].application.change_channel()(second, ChannelChange(fallback=first))),
        )

        assert sorted(result is InvalidInput for result in results) == [False, True]


async def test_of_many_acknowledgements_at_once_one_is_recorded(webs: Webs) -> None:
    incident = await add_incident(webs[0].application.adapters.open_unit_of_work(), None, channel_id=await _add_channel_id(webs[0]))

    results = await asyncio.gather(
        *(webs[n % 2].application.acknowledge_incident()(incident.id, Actor(f"person-{n}")) for n in range(PAIRS))
    )

    view = await webs[0].application.adapters.reader().incident(incident.id)
    assert view is not None
    assert sorted(result.applied for result in results) == [False] * (PAIRS - 1) + [True]
    assert [entry.actor for entry in view.timeline] == [view.incident.acknowledged_by]
    entries = await webs[0].application.access_queries().list_audit_entries(100, None, AuditAction.INCIDENT_ACKNOWLEDGED, None)
    assert [entry.actor for entry in entries] == [view.incident.acknowledged_by]


async def test_a_key_that_is_sent_twice_at_once_creates_one_channel(webs: Webs) -> None:
    key = IdempotencyKey("POST /channels/", "once", b"digest")

    results = await asyncio.gather(*(create_channel(webs[n % 2], "team", key) for n in range(4)))

    assert sorted(result.replayed for result in results) == [False, True, True, True]
    assert [result.secret for result in results if result.replayed] == [None] * 3
    assert await list_channels(webs[0]) == ["team"]


async def test_of_two_equal_names_at_once_one_is_stored(webs: Webs) -> None:
    rule = {"name": "on-call", "on": ["failed"], "to": ["team"]}
    channels = await asyncio.gather(*(outcome(create_channel(web, "team")) for web in webs))
    rules = await asyncio.gather(*(outcome(web.application.create_alert_rule()(rule)) for web in webs))
    ended = await asyncio.gather(*(outcome(web.application.delete_alert_rule()("on-call")) for web in webs))

    assert sum(result is Conflict for result in channels) == sum(result is Conflict for result in rules) == 1
    assert sum(result is NotFound for result in ended) == 1


async def _add_channel_id(web: InProcessHeadgate) -> int:
    await create_channel(web, "broken")
    view = await web.application.adapters.reader().channel("broken")
    assert view is not None
    return view.id
