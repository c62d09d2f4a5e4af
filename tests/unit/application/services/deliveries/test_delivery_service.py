"""The delivery service over fakes: what arrives, and what becomes of the rest."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta

import pytest

from application.ports.delivery.channel_sender import DeliveryFailed
from application.services.loop import no_wait, run_service
from domain.alerts.incident import IncidentKind, IncidentState, Resolution
from domain.alerts.rule import QuietHours, RuleTarget
from tests.support.deliveries import AlertWorld, a_rule
from tests.support.stored_alerts import a_silence, an_incident
from tests.support.waiting import eventually

HOUR = 3_600.0
PAGER = RuleTarget("pager", after=1_800.0)


async def a_world(*channels: str, **fields: object) -> AlertWorld:
    world = AlertWorld()
    await world.add_channels(*(channels or ("team",)), **fields)
    return world


async def test_an_incident_is_reported_once_and_its_end_too() -> None:
    world = await a_world()
    incident = await world.open_incident()
    await world.send()
    await world.send(HOUR)

    await world.resolve(incident)
    await world.send()
    await world.send(HOUR)

    assert world.kinds() == ["opened", "recovered"]
    assert world.states() == ["sent", "sent"]
    opened, recovered = world.sender.sent["team"]
    assert opened.dedup_key == recovered.dedup_key
    assert opened.id != recovered.id
    assert (opened.severity, recovered.severity) == ("critical", "resolved")


async def test_an_incident_that_ends_before_its_message_was_sent_is_not_reported() -> None:
    world = await a_world()
    incident = await world.open_incident()

    await world.resolve(incident)
    await world.send()

    assert world.kinds() == []
    assert [(each.state.value, each.last_error) for each in world.deliveries()] == [
        ("dropped", "Not sent: the incident was resolved first.")
    ]


async def test_a_recovery_goes_only_where_the_opening_arrived() -> None:
    world = await a_world("team", "mail")
    world.sender.broken["mail"] = DeliveryFailed("503")
    incident = await world.open_incident(a_rule("team", "mail"))
    await world.send()

    await world.resolve(incident)
    world.sender.broken.clear()
    await world.send(HOUR)

    assert world.kinds("team") == ["opened", "recovered"]
    assert world.kinds("mail") == []


async def test_a_rule_without_recovery_reports_no_end() -> None:
    world = await a_world()
    incident = await world.open_incident(a_rule("team", recovery=False))
    await world.send()

    await world.resolve(incident)
    await world.send()

    assert world.kinds() == ["opened"]


async def test_an_incident_that_ends_while_its_message_is_sent_is_reported_as_resolved_afterwards() -> None:
    world = await a_world()
    incident = await world.open_incident()
    world.sender.hanging.add("team")
    sending = asyncio.create_task(world.process.service.run_once())
    await eventually(lambda: bool(world.sender.tried["team"]))

    await world.resolve(incident)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    world.sender.hanging.clear()
    await world.send(61)

    assert world.kinds() == ["opened", "recovered"], "the first try may have arrived"


async def test_a_message_whose_try_had_no_answer_is_sent_again_after_the_end_of_its_incident() -> None:
    world = await a_world()
    world.sender.failures["team"] = [DeliveryFailed("no answer", may_have_arrived=True), DeliveryFailed("503")]
    incident = await world.open_incident(a_rule("team", quiet=QuietHours("UTC", time(9, 1), time(10))))
    await world.send()
    await world.resolve(incident)
    for _ in range(4):
        await world.send(1_800)

    assert world.kinds() == ["opened", "recovered"]
    assert len({message.id for message in world.sender.tried["team"] if message.kind == "opened"}) == 1


async def test_retries_end_with_the_fallback_and_an_incident_of_the_channel() -> None:
    world = await a_world("mail")
    await world.add_channels("team", fallback="mail")
    world.sender.broken["team"] = DeliveryFailed("The receiver responded with 500.")
    await world.open_incident()
    for _ in range(4):
        await world.send(600)
    for _ in range(30):
        await world.send(HOUR * 1.15)

    first = world.deliveries()[0]
    assert (first.state.value, first.last_error) == ("dead", "The receiver responded with 500.")
    assert first.tries >= 20
    assert sorted(world.subjects("mail")) == [
        "A pipeline failed at a: ValueError",
        "Channel team does not deliver messages: The receiver responded with 500.",
    ]
    channel_incidents = [each for each in world.incidents() if each.kind is IncidentKind.CHANNEL]
    assert [(each.state, each.summary) for each in channel_incidents] == [(IncidentState.OPEN, "The receiver responded with 500.")]


async def test_the_next_success_resolves_the_incident_of_a_channel_and_sends_what_waits() -> None:
    world = await a_world("mail")
    await world.add_channels("team", fallback="mail")
    world.sender.failures["team"] = [DeliveryFailed("404", is_permanent=True)]
    await world.open_incident()
    await world.send()
    world.sender.failures["team"] = [DeliveryFailed("503") for _ in range(2)]
    await world.open_incidents(an_incident(2), an_incident(3))
    await world.send()

    await world.open_incident(pipeline_id=4)
    await world.send()
    await world.send()

    channel_incident = next(each for each in world.incidents() if each.kind is IncidentKind.CHANNEL)
    assert (channel_incident.state, channel_incident.resolution) == (IncidentState.RESOLVED, Resolution.CHANNEL_WORKS)
    assert len(world.kinds("team")) == 3, "the two that waited did not wait for their next try"
    assert world.subjects("mail")[-1] == "Channel team delivers again, after 0 s"


async def test_a_receiver_that_is_gone_disables_its_channel() -> None:
    world = await a_world("mail")
    await world.add_channels("team", fallback="mail")
    world.sender.broken["team"] = DeliveryFailed("410 Gone", disables_channel=True)
    await world.open_incident()
    await world.send()
    await world.open_incident(pipeline_id=2)
    await world.send()

    assert world.channel("team").disabled_reason == "410 Gone"
    assert len(world.sender.tried["team"]) == 1, "the second message was not tried"
    assert len([each for each in world.sender.sent["mail"] if "Channel" not in each.subject]) == 2


async def test_messages_for_a_disabled_channel_without_fallback_wait_until_it_is_changed() -> None:
    world = await a_world("team")
    world.sender.failures["team"] = [DeliveryFailed("410 Gone", disables_channel=True)]
    await world.open_incident()
    await world.send()
    await world.send(10)
    async with world.fakes.open_unit_of_work() as work:
        channel = await work.channels.lock("team")
        assert channel is not None
        await work.channels.save(channel.enable())
        await work.deliveries.release_channel(channel.id, world.now)
        await work.commit()

    await world.send()

    assert world.kinds() == ["opened"]
    assert world.deliveries()[0].tries == 3


async def test_retry_after_is_obeyed() -> None:
    world = await a_world()
    world.sender.failures["team"] = [DeliveryFailed("429", 120.0)]
    await world.open_incident()
    await world.send()

    await world.send(119)
    assert world.kinds() == []
    await world.send(2)

    assert world.kinds() == ["opened"]
    assert len({message.id for message in world.sender.tried["team"]}) == 1
    assert len({message.text for message in world.sender.tried["team"]}) == 1


async def test_a_channel_that_hangs_does_not_delay_another() -> None:
    world = await a_world("team", "slow")
    world.sender.hanging.add("slow")
    for pipeline_id in range(1, 12):
        await world.open_incident(a_rule("slow", "team"), pipeline_id=pipeline_id)
    service = asyncio.create_task(run_service(world.process.service, no_wait, lambda *_: None))

    await eventually(lambda: len(world.kinds("team")) == 11)
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)

    assert len(world.sender.tried["slow"]) == 4, "so many messages of a channel are sent at a time"


async def test_a_process_that_stops_finishes_what_it_sends() -> None:
    world = await a_world()
    await world.open_incident()
    world.sender.hanging.add("team")
    service = asyncio.create_task(run_service(world.process.service, no_wait, lambda *_: None))
    await eventually(lambda: bool(world.sender.tried["team"]))

    service.cancel()
    await asyncio.sleep(0)
    service.cancel()
    await asyncio.sleep(0)
    world.sender.answer("team")
    await asyncio.gather(service, return_exceptions=True)
    await world.add_process().service.run_once()

    assert service.cancelled()
    assert world.kinds() == ["opened"]
    assert world.states() == ["sent"]


async def test_several_processes_send_each_message_once() -> None:
    world = await a_world("team", "mail")
    others = [world.add_process() for _ in range(3)]
    for pipeline_id in range(1, 20):
        await world.open_incident(a_rule("team", "mail"), pipeline_id=pipeline_id)

    for _ in range(5):
        await asyncio.gather(*(each.service.run_once() for each in [world.process, *others]))

    assert (len(world.kinds("team")), len(world.kinds("mail"))) == (19, 19)


async def test_an_escalation_waits_for_an_acknowledgement() -> None:
    world = await a_world("team", "pager")
    open_one = await world.open_incident(a_rule("team", PAGER))
    acknowledged = await world.open_incident(a_rule("team", PAGER), pipeline_id=2)
    await world.send(1_700)
    await world.change(acknowledged, state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada", acknowledged_at=world.now)

    await world.send(200)
    await world.resolve(open_one)
    await world.resolve(acknowledged)
    await world.send()

    assert world.kinds("pager") == ["escalated", "recovered"]
    assert world.subjects("pager")[0].startswith("Not acknowledged for 30 min:")
    assert [each.last_error for each in world.deliveries() if each.state.value == "dropped"] == [
        "Not sent: ada acknowledged the incident first."
    ]


async def test_reminders_repeat_until_someone_acknowledges() -> None:
    world = await a_world()
    incident = await world.open_incident(a_rule("team", remind=HOUR))
    for _ in range(3):
        await world.send(HOUR)
    await world.change(incident, state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada")
    for _ in range(3):
        await world.send(HOUR)

    assert world.kinds() == ["opened", "reminder", "reminder"]
    assert world.subjects()[1] == "Still open after 2 h: A pipeline failed at a: ValueError"


async def test_a_snoozed_incident_is_reported_again_at_the_end() -> None:
    world = await a_world("team", "pager")
    incident = await world.open_incident(a_rule("team", PAGER))
    await world.send()
    await world.snooze(incident, world.now + timedelta(hours=1))
    await world.send(1_900)
    assert world.kinds("pager") == []
    await world.snooze(incident, world.now + timedelta(hours=2))

    await world.send(HOUR)
    assert world.kinds() == ["opened"]
    await world.send(HOUR)
    await world.send(HOUR)

    assert world.kinds() == ["opened", "reminder"]
    assert world.kinds("pager") == ["escalated"]


QUIET = QuietHours("UTC", time(8), time(10), exempt=("pager",))
"""The tests start at 09:00."""


async def test_quiet_hours_delay_messages_and_end_with_one_digest_for_what_is_over() -> None:
    world = await a_world("team", "pager")
    rule = a_rule("team", "pager", quiet=QUIET)
    incidents = [await world.open_incident(rule, pipeline_id=id) for id in range(1, 5)]
    await world.send()
    assert world.kinds("team") == []
    assert len(world.kinds("pager")) == 4
    for incident in incidents[:3]:
        await world.resolve(incident)

    await world.send(HOUR + 1)
    await world.send()

    assert sorted(world.kinds("team")) == ["digest", "opened"]
    digest = next(each for each in world.sender.sent["team"] if each.kind.value == "digest")
    assert digest.subject == "3 incidents opened and resolved while messages were held back"
    assert sorted(world.kinds("pager")) == ["opened"] * 4 + ["recovered"] * 3


async def test_a_silence_holds_messages_until_it_ends() -> None:
    world = await a_world()
    async with world.fakes.open_unit_of_work() as work:
        silence = await work.silences.add(a_silence(starts_at=world.now, ends_at=world.now + timedelta(hours=2), created_at=world.now))
        await work.commit()
    incident = await world.open_incident()
    gone = await world.open_incident(pipeline_id=2)
    await world.send()
    assert [each.held_by for each in world.deliveries()] == ["silence", "silence"]
    await world.resolve(gone)
    async with world.fakes.open_unit_of_work() as work:
        await work.silences.end(silence.id, world.now, "ada")
        await work.deliveries.release_held("silence", world.now)
        await work.commit()

    await world.send()
    await world.send()
    await world.resolve(incident)
    await world.send()

    assert sorted(world.kinds()) == ["digest", "opened", "recovered"]


async def test_incidents_with_one_cause_share_a_message_after_the_fifth() -> None:
    world = await a_world("team", "mail")
    rule = a_rule("team")
    incidents = [await world.open_incident(rule, pipeline_id=id, cause="fingerprint:abc") for id in range(1, 11)]
    incidents.append(await world.open_incident(a_rule("mail"), pipeline_id=11, cause="fingerprint:abc"))
    await world.send()
    assert world.kinds() == ["opened"] * 5
    await world.send(31)
    for incident in incidents[:-1]:
        await world.resolve(incident)
        await world.send()
    assert world.kinds().count("recovered") == 5
    await world.resolve(incidents[-1])
    await world.send()

    assert world.kinds().count("grouped") == 1
    assert world.kinds("mail") == ["grouped", "recovered"]
    assert world.subjects("mail")[0] == "6 more incidents within 30 s: failed at a: ValueError"
    assert world.kinds().count("recovered") == 6
    assert {each.group_id for each in world.incidents()[5:]} == {incidents[5].id}


async def test_incidents_in_one_transaction_are_grouped_too() -> None:
    world = await a_world()

    await world.open_incidents(*(an_incident(id, cause="worker:w1") for id in range(1, 61)))
    for _ in range(4):
        await world.send(31)

    assert (world.kinds().count("opened"), world.kinds().count("grouped")) == (5, 1)


async def test_a_storm_of_different_causes_has_bounded_messages() -> None:
    world = await a_world()
    for batch in range(20):
        await world.open_incidents(*(an_incident(id, cause=f"fingerprint:{id}") for id in range(batch * 50, batch * 50 + 50)))
        await world.send(3)
    await world.send(31)

    assert len(world.kinds()) <= 30 + 3
    assert all(each.group_id is not None for each in world.incidents()[30:])


async def test_a_group_is_reported_by_a_new_message_after_the_first_was_sent() -> None:
    world = await a_world()
    await world.open_incidents(*(an_incident(id, cause="worker:w1") for id in range(1, 8)))
    await world.send(29)
    await world.open_incidents(*(an_incident(id, cause="worker:w1") for id in range(8, 15)))

    await world.send(2)
    await world.send(31)

    assert world.kinds().count("grouped") == 2


async def test_a_member_of_a_group_keeps_its_escalation() -> None:
    world = await a_world("team", "pager")
    await world.open_incidents(*(an_incident(id, cause="worker:w1") for id in range(1, 8)))
    await world.open_incident(a_rule("team", PAGER), pipeline_id=8, cause="worker:w1")

    await world.send(1_900)

    assert world.kinds("pager") == ["escalated"]


@pytest.mark.parametrize("resolution", [Resolution.RULE_REMOVED, Resolution.PIPELINE_ARCHIVED])
async def test_the_removal_of_a_rule_is_not_reported(resolution: Resolution) -> None:
    world = await a_world()
    incident = await world.open_incident()
    await world.change(incident, state=IncidentState.RESOLVED, resolution=resolution, resolved_at=world.now)

    await world.send()

    assert world.kinds() == []
    assert world.states() == ["dropped"]


async def test_an_unexpected_error_of_a_channel_is_retried_like_any_other() -> None:
    world = await a_world()
    world.sender.broken["team"] = RuntimeError("token=hunter2")  # type: ignore[assignment]
    await world.open_incident()
    await world.send()

    [delivery] = world.deliveries()

    assert (delivery.state.value, delivery.tries) == ("scheduled", 1)
    assert "hunter2" not in str(delivery.last_error)


async def test_a_message_that_cannot_be_read_is_sent_with_its_subject_and_delays_no_other() -> None:
    world = await a_world()
    await world.open_incident()
    [(message_id, message)] = world.fakes.store.committed.alert_messages.items()
    broken = replace(message, content={"subject": "nightly failed", "facts": {"event": "exploded"}})
    world.fakes.store.committed.alert_messages[message_id] = broken
    await world.open_incident(pipeline_id=2)

    await world.send()

    assert world.kinds() == ["opened", "opened"]


async def test_a_delivery_without_its_message_is_dropped() -> None:
    world = await a_world()
    await world.open_incident()
    world.fakes.store.committed.alert_messages.clear()

    await world.send()

    assert world.states() == ["dropped"]


async def test_a_store_that_fails_does_not_stop_what_is_being_sent() -> None:
    world = await a_world("team", "slow")
    world.sender.hanging.add("slow")
    await world.open_incident(a_rule("slow"))
    errors: list[Exception] = []
    service = asyncio.create_task(run_service(world.process.service, no_wait, lambda _, error: errors.append(error)))
    await eventually(lambda: bool(world.sender.tried["slow"]))

    world.fakes.store.is_down = True
    world.process.wakeups.deliveries.set()
    await eventually(lambda: bool(errors))
    world.sender.answer("slow")
    await eventually(lambda: bool(world.sender.sent["slow"]))
    world.fakes.store.is_down = False
    await eventually(lambda: world.states() == ["sent"])
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)

    assert world.kinds("slow") == ["opened"]
