"""Incidents are acknowledged, snoozed and resolved by forms."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.access.permissions import Role
from domain.alerts.incident import Incident, IncidentState, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.errors import InvalidInput
from entrypoints.web.pages.alerts.incident_actions import get_snooze_end
from tests.support.in_process import InProcessHeadgate
from tests.unit.entrypoints.web.pages.alerts.test_incidents import an_incident, get_text, get_title


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    return InProcessHeadgate()


def get_stored(headgate: InProcessHeadgate, incident: Incident) -> Incident:
    return headgate.fakes.store.committed.incidents[incident.id]


@pytest.mark.parametrize(
    ("origin", "target"), [("", "/ui/incidents/{id}"), ("board", "/"), ("list", "/ui/incidents"), ("//evil.example", "/ui/incidents/{id}")]
)
async def test_a_link_of_a_list_asks_and_returns_to_it(headgate: InProcessHeadgate, origin: str, target: str) -> None:
    incident = await an_incident(headgate)
    path = f"/ui/incidents/{incident.id}/acknowledge"

    question = (await headgate.page_client.get(path, params={"from": origin})).text
    assert get_stored(headgate, incident).state is IncidentState.OPEN
    answer = await headgate.page_client.post(path, data={"from": origin})

    assert "Acknowledge warehouse?" in question and "evil" not in question
    assert (answer.status_code, answer.headers["location"]) == (303, target.format(id=incident.id))
    assert get_stored(headgate, incident).state is IncidentState.ACKNOWLEDGED


async def test_the_page_after_an_action_has_the_new_number(headgate: InProcessHeadgate) -> None:
    incident = await an_incident(headgate)
    path = f"/ui/incidents/{incident.id}"
    assert get_title((await headgate.page_client.get(path)).text).startswith("(1) ")

    await headgate.page_client.post(f"{path}/acknowledge")

    page = (await headgate.page_client.get(path)).text
    assert not get_title(page).startswith("(")
    assert 'data-incident="acknowledged"' in page


async def test_an_incident_is_snoozed_and_resolved(headgate: InProcessHeadgate) -> None:
    incident, now = await an_incident(headgate), headgate.fakes.clock.now()
    path = f"/ui/incidents/{incident.id}"

    assert (await headgate.page_client.post(f"{path}/snooze", data={"for": "4h"})).status_code == 303
    assert get_stored(headgate, incident).snoozed_until == now + timedelta(hours=4)
    assert (await headgate.page_client.post(f"{path}/resolve")).headers["location"] == path

    stored = get_stored(headgate, incident)
    assert (stored.state, stored.resolution) == (IncidentState.RESOLVED, Resolution.RESOLVED)
    assert "A user resolved it at" in await get_text(headgate, path)


@pytest.mark.parametrize("action", ["acknowledge", "snooze", "resolve"])
async def test_an_action_on_a_resolved_incident_leads_to_its_page(headgate: InProcessHeadgate, action: str) -> None:
    incident, stories = await an_incident(headgate), headgate.alert_stories
    await stories.change(incident, incident.resolve(Resolution.RECOVERED, stories.now), IncidentEntryKind.RESOLVED)

    answer = await headgate.page_client.post(f"/ui/incidents/{incident.id}/{action}", data={"for": "1h"})

    assert answer.status_code == 303
    assert get_stored(headgate, incident).resolution is Resolution.RECOVERED


@pytest.mark.parametrize("action", ["acknowledge", "snooze", "resolve"])
async def test_an_action_on_an_unknown_incident_is_a_404(headgate: InProcessHeadgate, action: str) -> None:
    assert (await headgate.page_client.post(f"/ui/incidents/7/{action}", data={"for": "1h"})).status_code == 404


@pytest.mark.parametrize("choice", ["", "2h", "never", "1h\0"])
async def test_an_unknown_time_is_refused(headgate: InProcessHeadgate, choice: str) -> None:
    incident = await an_incident(headgate)

    answer = await headgate.page_client.post(f"/ui/incidents/{incident.id}/snooze", data={"for": choice})

    assert answer.status_code == 422 and get_stored(headgate, incident).state is IncidentState.OPEN


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("", datetime(2026, 11, 30, 9, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 30, 14, tzinfo=UTC)),
    ],
)
def test_tomorrow_is_nine_in_the_morning_of_the_viewers_next_day(zone: str, end: datetime) -> None:
    now = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)

    assert get_snooze_end("tomorrow", zone, now) == end


def test_tomorrow_is_nine_even_if_the_clocks_change_in_between() -> None:
    now = datetime(2026, 10, 24, 20, tzinfo=UTC)

    assert get_snooze_end("tomorrow", "Europe/Berlin", now) == datetime(2026, 10, 25, 8, tzinfo=UTC)


def test_a_time_that_is_none_of_the_choices_is_invalid() -> None:
    with pytest.raises(InvalidInput):
        get_snooze_end("soon", "", datetime(2026, 11, 29, tzinfo=UTC))


async def test_the_actions_are_an_operators(headgate: InProcessHeadgate) -> None:
    headgate = InProcessHeadgate(auth="team")
    incident = await an_incident(headgate)

    answer = await headgate.page_client.get(f"/ui/incidents/{incident.id}/acknowledge", headers=await headgate.api.sign_in(Role.VIEWER))

    assert answer.status_code == 403
