"""Messages that follow what people do with incidents and silences."""

from datetime import timedelta

import pytest

from application.commands.alerts.create_silence import NewSilence
from domain.access.actor import Actor
from domain.alerts.incident import Incident
from domain.alerts.message import MessageKind, Transition
from domain.alerts.rule import AlertEvent, AlertRule, RuleTarget
from tests.support.incidents import AlertingHeadgate

ADA = Actor("ada")


@pytest.fixture
async def headgate() -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    await headgate.add_pipeline()
    await headgate.add_channel("team")
    await headgate.add_channel("pager")
    return headgate


async def open_incident(headgate: AlertingHeadgate, *targets: RuleTarget) -> Incident:
    """Open an incident with its messages."""
    incident = headgate.find_incident(await headgate.add_incident(1))
    rule = AlertRule((AlertEvent.FAILED,), targets or (RuleTarget("team"),), "on-call", remind=4 * 3_600)
    async with headgate.fakes.open_unit_of_work() as work:
        now = headgate.fakes.clock.now()
        await headgate.application.message_planner().plan(work, [Transition(incident, MessageKind.OPENED, rule, 1, None, now)], now)
        await work.commit()
    return incident


async def send(headgate: AlertingHeadgate, seconds_later: float = 0) -> list[str]:
    """Let time pass and send what is due. Return the kinds of all messages that arrived in the channel `team`."""
    headgate.fakes.clock.advance(seconds_later)
    for _ in range(3):
        await headgate.application.delivery_service().run_once()
    return [message.kind.value for message in headgate.fakes.channel_sender.sent["team"]]


async def test_a_resolved_incident_is_told_where_its_opening_arrived(headgate: AlertingHeadgate) -> None:
    incident = await open_incident(headgate, RuleTarget("team"), RuleTarget("pager", after=1_800))
    await send(headgate)

    await headgate.application.resolve_incident()(incident.id, ADA)

    assert await send(headgate, 3_600) == ["opened", "recovered"]
    assert headgate.fakes.channel_sender.sent["pager"] == []
    recovered = headgate.fakes.channel_sender.sent["team"][1]
    assert "ada" in recovered.subject and recovered.severity == "resolved"


async def test_an_acknowledged_incident_is_not_escalated(headgate: AlertingHeadgate) -> None:
    incident = await open_incident(headgate, RuleTarget("team"), RuleTarget("pager", after=1_800))
    await send(headgate)

    await headgate.application.acknowledge_incident()(incident.id, ADA)
    await send(headgate, 1_801)

    assert headgate.fakes.channel_sender.sent["pager"] == []


async def test_a_snoozed_incident_is_reminded_of_at_the_end(headgate: AlertingHeadgate) -> None:
    incident = await open_incident(headgate)
    await send(headgate)

    await headgate.application.snooze_incident()(incident.id, timedelta(hours=1), ADA)

    assert await send(headgate, 3_000) == ["opened"]
    assert await send(headgate, 601) == ["opened", "reminder"]


async def test_the_end_of_a_silence_sends_what_it_held_back(headgate: AlertingHeadgate) -> None:
    await headgate.application.create_silence()(NewSilence("nightly", None, None, timedelta(hours=2), "Planned"), ADA)
    await open_incident(headgate)
    assert await send(headgate, 60) == []

    await headgate.application.end_silence()(1, ADA)

    assert await send(headgate) == ["opened"]
