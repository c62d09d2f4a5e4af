"""People acknowledge, snooze and resolve incidents."""

from datetime import timedelta

import pytest

from domain.access.actor import Actor
from domain.alerts.incident import IncidentState
from domain.errors import Conflict, InvalidInput, NotFound
from domain.site_events import SiteEventType
from tests.support.incidents import AlertingHeadgate

ADA = Actor("ada")


@pytest.fixture
def headgate() -> AlertingHeadgate:
    return AlertingHeadgate()


async def test_each_action_is_in_the_timeline_the_audit_log_and_the_feed(headgate: AlertingHeadgate) -> None:
    incident_id = await headgate.add_incident(await headgate.add_pipeline())
    start = await headgate.fakes.change_feed.position()
    now = headgate.fakes.clock.now()

    await headgate.application.acknowledge_incident()(incident_id, ADA)
    await headgate.application.snooze_incident()(incident_id, timedelta(hours=2), ADA)
    await headgate.application.resolve_incident()(incident_id, ADA)

    view = await headgate.fakes.reader.incident(incident_id)
    assert view is not None
    changes = ["acknowledged", "snoozed", "resolved"]
    assert [(entry.kind.value, entry.actor) for entry in view.timeline] == [("opened", None), *((change, "ada") for change in changes)]
    assert view.timeline[2].data == {"until": (now + timedelta(hours=2)).isoformat()}
    assert headgate.list_audit() == [(f"incident_{change}", f"incident {incident_id}") for change in changes]
    events = await headgate.read_events(start)
    assert {(event.type, event.pipeline_id, event.actor) for event in events} == {(SiteEventType.INCIDENT_CHANGED, 1, "ada")}
    assert [event.data for event in events] == [{"id": incident_id, "state": change, "change": change} for change in changes]


async def test_acknowledging_or_resolving_twice_changes_nothing(headgate: AlertingHeadgate) -> None:
    incident_id = await headgate.add_incident()
    for action in (headgate.application.acknowledge_incident(), headgate.application.resolve_incident()):
        assert (await action(incident_id, ADA)).applied
        before = headgate.find_incident(incident_id)

        headgate.fakes.clock.advance(60)
        again = await action(incident_id, Actor("bob"))

        assert (again.applied, headgate.find_incident(incident_id)) == (False, before)
    assert len(headgate.list_audit()) == 2


async def test_a_resolved_incident_is_neither_acknowledged_nor_snoozed(headgate: AlertingHeadgate) -> None:
    incident_id = await headgate.add_incident()
    await headgate.application.resolve_incident()(incident_id, ADA)

    with pytest.raises(Conflict, match=f"Incident {incident_id} is resolved"):
        await headgate.application.acknowledge_incident()(incident_id, ADA)
    with pytest.raises(Conflict, match=f"Incident {incident_id} is resolved"):
        await headgate.application.snooze_incident()(incident_id, timedelta(hours=1), ADA)


async def test_a_later_snooze_replaces_an_earlier_one_and_the_same_end_changes_nothing(headgate: AlertingHeadgate) -> None:
    incident_id = await headgate.add_incident()
    now = headgate.fakes.clock.now()
    snooze = headgate.application.snooze_incident()

    applied = [(await snooze(incident_id, now + timedelta(hours=hours), ADA)).applied for hours in (4, 1, 1)]

    incident = headgate.find_incident(incident_id)
    assert applied == [True, True, False]
    assert (incident.state, incident.snoozed_until) == (IncidentState.SNOOZED, now + timedelta(hours=1))


@pytest.mark.parametrize(
    ("seconds", "is_duration", "problem"),
    [
        (0, False, "until: must be later than now"),
        (-1, False, "until: must be later than now"),
        (367 * 86_400, False, "until: must be at most 366 days"),
        (0, True, "for: must be later than now"),
        (367 * 86_400, True, "for: must be at most 366 days"),
    ],
)
async def test_a_snooze_ends_in_the_future(headgate: AlertingHeadgate, seconds: int, is_duration: bool, problem: str) -> None:
    incident_id = await headgate.add_incident()
    length = timedelta(seconds=seconds)

    with pytest.raises(InvalidInput, match=problem):
        await headgate.application.snooze_incident()(incident_id, length if is_duration else headgate.fakes.clock.now() + length)


async def test_an_unknown_incident_is_not_found(headgate: AlertingHeadgate) -> None:
    with pytest.raises(NotFound, match="There is no incident 9"):
        await headgate.application.resolve_incident()(9)


async def test_an_action_wakes_the_deliveries(headgate: AlertingHeadgate) -> None:
    incident_id = await headgate.add_incident()
    deliveries = headgate.application.wakeups().deliveries
    deliveries.clear()

    await headgate.application.acknowledge_incident()(incident_id)

    assert deliveries.is_set()
    assert headgate.find_incident(incident_id).acknowledged_by == "someone"
