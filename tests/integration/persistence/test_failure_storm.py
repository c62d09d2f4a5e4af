"""Many runs fail at once: each failure is part of an incident, and the messages are few. HEADGATE_TEST_FAILURES=10000 takes a minute."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from adapters.persistence.database import Database
from tests.fakes.delivery.channel_sender import FakeChannelSender
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.actions import status_update
from tests.support.in_process import InProcessHeadgate
from tests.support.stored_alerts import add_channel
from tests.support.tick_services import read_rows

PIPELINES, BATCH = 100, 500
FAILURES = int(os.environ.get("HEADGATE_TEST_FAILURES", "1000"))
CHANNELS = ("team", "pager")
OWN_MESSAGES, GROUPED_MESSAGES = 30, 2
"""Incidents with a message of their own within half a minute, and messages about all the others."""
STATEMENTS = 70
"""Statements for a page of 500 events, but for those that open an incident."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_many_failures_open_one_incident_for_each_pipeline_and_send_few_messages(database: Database) -> None:
    sender = FakeChannelSender()
    ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    async with InProcessHeadgate(ports={**ports, "channel_sender": sender}) as headgate:
        for channel in CHANNELS:
            await add_channel(database.open_unit_of_work, channel)
        await headgate.application.alert_judge().run_once()
        for number in range(PIPELINES):
            rule = {"on": ["failed"], "to": list(CHANNELS)}
            await headgate.use_cases.create_pipeline([{"name": "work", "kind": "external"}], f"p{number}", alerts=[rule])
        await _fail(headgate)

        with database.record_queries() as judged:
            await headgate.application.alert_judge().run_once()
        await headgate.application.delivery_service().run_once()

    assert sum(judged.sizes) <= STATEMENTS * (FAILURES // 500 + 2) + PIPELINES
    counts = "SELECT count(*), count(DISTINCT pipeline_id), sum(repeats + 1) FROM incident WHERE resolved_at IS NULL"
    assert [tuple(row) for row in await read_rows(database, counts)] == [(PIPELINES, PIPELINES, FAILURES)]
    assert await read_rows(database, _UNREPORTED) == []
    ((messages,),) = await read_rows(database, "SELECT count(*) FROM alert_message")
    assert 0 < messages <= OWN_MESSAGES + GROUPED_MESSAGES
    assert all(0 < len(sender.sent[channel]) <= OWN_MESSAGES for channel in CHANNELS)


_UNREPORTED = """
    SELECT incident.id, channel.name FROM incident CROSS JOIN channel
    WHERE NOT EXISTS (SELECT FROM delivery WHERE delivery.incident_id = coalesce(group_id, incident.id) AND channel_id = channel.id)
"""
"""Finds the incidents of which a channel has no message, neither of their own nor of their group."""


async def _fail(headgate: InProcessHeadgate) -> None:
    """Report failures as other machines do, of all pipelines in turn."""
    for first in range(0, FAILURES, BATCH):
        numbers = range(first, first + BATCH)
        updates = [
            status_update("failed", "work", pipeline=f"p{number % PIPELINES}", event_id=f"end-{number}", error_message=f"E{number % 7}: no")
            for number in numbers
        ]
        await headgate.use_cases.report(*updates)
