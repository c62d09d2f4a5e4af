"""The list of incidents, one incident, the board's open incidents, the title and the banner."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from domain.access.permissions import Role
from domain.alerts.incident import Incident, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.runs.status import Status
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory

TEXT = {"Accept": "text/plain"}
ERROR = "UniqueViolation: duplicate key\nDETAIL: Key (order_id)=(7) already exists."


def to_text(html: str) -> str:
    """Return what the page's main part shows, with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html[html.index("<main") :])))


async def get_text(headgate: InProcessHeadgate, path: str, status: int = 200) -> str:
    answer = await headgate.page_client.get(path)
    assert answer.status_code == status, answer.text
    return to_text(answer.text)


def get_title(html: str) -> str:
    return re.findall("<title>(.*?)</title>", html)[0]


async def a_failed_run(headgate: InProcessHeadgate, name: str = "warehouse") -> tuple[StoredPipeline, int]:
    pipeline = await headgate.stories.add_pipeline(name, ["load", "fact-orders"])
    begin = headgate.fakes.clock.now() - timedelta(minutes=9)
    story = {"load": [AttemptStory(60)], "fact-orders": [AttemptStory(30, Status.FAILED, error=ERROR)]}
    return pipeline, await headgate.stories.play_run(pipeline, begin, story)


async def an_incident(headgate: InProcessHeadgate) -> Incident:
    return await headgate.alert_stories.open_incident(*await a_failed_run(headgate))


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    return InProcessHeadgate()


async def test_an_incidents_page_says_what_broke_and_shows_the_run(headgate: InProcessHeadgate) -> None:
    incident = await an_incident(headgate)

    page = (await headgate.page_client.get(f"/ui/incidents/{incident.id}")).text
    text = to_text(page)

    assert "warehouse failed at fact-orders: UniqueViolation Open" in text
    assert "Open since" in text and "not acknowledged yet." in text
    assert "DETAIL: Key (order_id)=(7) already exists." in text
    assert 'class="waterfall"' in page and "fact-orders" in text
    assert f'href="/ui/runs/{incident.last_run_id}/retry"' in page and f'href="/ui/runs/{incident.last_run_id}"' in page
    assert "No messages." in text and "Opened" in text


async def test_the_page_lists_each_message_with_its_state_tries_and_reason(headgate: InProcessHeadgate) -> None:
    incident, stories = await an_incident(headgate), headgate.alert_stories
    now, channel = stories.now, await stories.add_channel("team")
    await stories.deliver(incident, channel, lambda each: each.mark_sent(now))
    await stories.deliver(incident, channel, lambda each: each.retry("500 Server Error", now, jitter=0), kind=MessageKind.ESCALATED)
    await stories.deliver(incident, channel, lambda each: each.hold(now + timedelta(hours=1), "quiet"), kind=MessageKind.REMINDER)
    await stories.deliver(incident, channel, lambda each: each.kill("410 Gone"))
    await stories.deliver(incident, channel, lambda each: each.drop("acknowledged in time"))

    page = (await headgate.page_client.get(f"/ui/incidents/{incident.id}")).text
    text = to_text(page)

    assert "Sent team · Opened · 1 try" in text
    assert "Waiting team · Escalation · 1 try · due" in text and "500 Server Error" in text
    assert "Held during quiet hours" in text
    assert "Not delivered" in text and "410 Gone" in text
    assert "Not sent" in text and "acknowledged in time" in text
    assert 'href="/ui/channels/team"' in page


async def test_the_timeline_says_who_did_what(headgate: InProcessHeadgate) -> None:
    incident, stories = await an_incident(headgate), headgate.alert_stories
    now = stories.now
    acknowledged = await stories.change(incident, incident.acknowledge("ada", now), IncidentEntryKind.ACKNOWLEDGED, "ada")

    text = await get_text(headgate, f"/ui/incidents/{incident.id}")
    assert "ada acknowledged it at" in text and "Reminders have stopped." in text
    assert "ada acknowledged it" in text[text.index("Timeline") :]

    await stories.change(acknowledged, acknowledged.resolve(Resolution.RECOVERED, now), IncidentEntryKind.RESOLVED)
    text = await get_text(headgate, f"/ui/incidents/{incident.id}")
    assert "Resolved at" in text and "A later run completed." in text


async def test_a_snoozed_incident_counts_as_open_after_its_time(headgate: InProcessHeadgate) -> None:
    incident, stories = await an_incident(headgate), headgate.alert_stories
    until = stories.now + timedelta(hours=1)
    await stories.change(incident, incident.snooze("ada", until, stories.now), IncidentEntryKind.SNOOZED, "ada")

    assert "ada snoozed it until" in await get_text(headgate, f"/ui/incidents/{incident.id}")
    headgate.fakes.clock.advance(3_601)
    assert "Open since" in await get_text(headgate, f"/ui/incidents/{incident.id}")


async def test_the_list_shows_unresolved_incidents_and_filters_by_state_and_pipeline(headgate: InProcessHeadgate) -> None:
    incident, stories = await an_incident(headgate), headgate.alert_stories
    other = await stories.open_incident(*await a_failed_run(headgate, "exports"), summary="lost at load")
    await stories.change(other, other.resolve(Resolution.RESOLVED, stories.now, "ada"), IncidentEntryKind.RESOLVED, "ada")

    shown = await get_text(headgate, "/ui/incidents")
    assert "warehouse failed at" in shown and "exports" not in shown
    assert "exports lost at load" in await get_text(headgate, "/ui/incidents?state=resolved")
    everything = await get_text(headgate, "/ui/incidents?state=all")
    assert everything.index("exports lost") < everything.index("warehouse failed")
    assert "No incidents match." in await get_text(headgate, "/ui/incidents?state=acknowledged")
    assert "warehouse failed at" in await get_text(headgate, "/ui/incidents?pipeline=warehouse&state=nonsense")
    assert "No incident is open." in await get_text(headgate, "/ui/incidents?pipeline=exports")
    assert "There is no pipeline nothing." in await get_text(headgate, "/ui/incidents?pipeline=nothing", 404)
    assert incident.id


async def test_a_long_list_has_pages(headgate: InProcessHeadgate) -> None:
    pipeline, run_id = await a_failed_run(headgate)
    for number in range(53):
        await headgate.alert_stories.open_incident(pipeline, run_id, summary=f"failure {number}")

    page = (await headgate.page_client.get("/ui/incidents?state=open")).text
    (older,) = re.findall(r'href="(/ui/incidents\?[^"]*before=\d+)"', page)

    assert "failure 52" in page and "failure 2<" not in page
    text = await get_text(headgate, unescape(older))
    assert "failure 2" in text and "failure 3" not in text


@pytest.mark.parametrize("path", ["/ui/incidents/7", "/ui/incidents/none", "/ui/incidents/99999999999999999999"])
async def test_an_unknown_incident_is_a_page_that_says_so(headgate: InProcessHeadgate, path: str) -> None:
    assert "There is no incident" in await get_text(headgate, path, 404)


async def test_terminals_get_the_same_as_text(headgate: InProcessHeadgate) -> None:
    incident = await an_incident(headgate)

    listed = (await headgate.page_client.get("/ui/incidents", headers=TEXT)).text
    one = (await headgate.page_client.get(f"/ui/incidents/{incident.id}", headers=TEXT)).text

    assert listed.splitlines()[1].split()[:2] == [str(incident.id), "Open"] and "warehouse failed at fact-orders" in listed
    assert one.startswith("warehouse failed at fact-orders: UniqueViolation   Open") and "Opened" in one


async def test_texts_of_people_are_escaped(headgate: InProcessHeadgate) -> None:
    pipeline, run_id = await a_failed_run(headgate)
    incident = await headgate.alert_stories.open_incident(
        pipeline, run_id, summary="<script>alert(1)</script>\u202e", concurrency_key="customer=<b>"
    )

    for path in ("/", "/ui/incidents", f"/ui/incidents/{incident.id}", f"/ui/runs/{run_id}"):
        page = (await headgate.page_client.get(path)).text
        assert "<script>alert" not in page and "customer=<b>" not in page and "\u202e" not in page, path


async def test_the_board_has_open_incidents_on_top_and_counts_the_rest(headgate: InProcessHeadgate) -> None:
    pipeline, run_id = await a_failed_run(headgate)
    for number in range(20):
        incident = await headgate.alert_stories.open_incident(pipeline, run_id, summary=f"failure {number}")

    page = (await headgate.page_client.get("/")).text
    section = page[page.index("open-incidents") : page.index("board-head")]

    assert section.count("<li") == 8 and "failure 19" in section
    assert f'href="/ui/incidents/{incident.id}/acknowledge?from=board"' in section
    assert "and 12 more" in section
    assert "<form" not in section


async def test_terminals_get_open_incidents_above_the_board(headgate: InProcessHeadgate) -> None:
    pipeline, run_id = await a_failed_run(headgate)
    for number in range(10):
        await headgate.alert_stories.open_incident(pipeline, run_id, summary=f"failure {number}")

    lines = (await headgate.page_client.get("/", headers=TEXT)).text.splitlines()

    assert lines[0] == "! warehouse failure 9   headgate ack 10" and lines[8] == "  and 2 more: headgate incidents"
    assert lines[10].startswith("STATUS")


async def test_acknowledged_and_resolved_incidents_are_not_on_the_board(headgate: InProcessHeadgate) -> None:
    incident, stories = await an_incident(headgate), headgate.alert_stories
    await stories.change(incident, incident.acknowledge("ada", stories.now), IncidentEntryKind.ACKNOWLEDGED, "ada")

    page = (await headgate.page_client.get("/")).text

    assert "open-incidents" not in page and get_title(page) == "✘ 1 failed · Pipelines · Headgate"


@pytest.mark.parametrize("path", ["/", "/ui/runs", "/ui/system", "/ui/incidents", "/ui/audit", "/ui/new", "/ui/runs/0"])
async def test_the_title_of_every_page_has_the_number_of_open_incidents(headgate: InProcessHeadgate, path: str) -> None:
    pipeline, run_id = await a_failed_run(headgate)
    for _ in range(2):
        await headgate.alert_stories.open_incident(pipeline, run_id)

    page = (await headgate.page_client.get(path)).text

    assert get_title(page).startswith("(2) ")


@pytest.mark.parametrize("path", ["/", "/ui/runs", "/ui/system", "/ui/channels"])
async def test_a_channel_that_does_not_deliver_is_a_banner_on_every_page(headgate: InProcessHeadgate, path: str) -> None:
    stories = headgate.alert_stories
    incident = await stories.break_channel(await stories.add_channel("pager"))

    page = (await headgate.page_client.get(path)).text
    banner = page[page.index('id="banner"') : page.index("<main")]
    assert 'href="/ui/channels/pager"' in banner and "does not deliver messages" in to_text(f"<main>{banner}")
    assert "Channel pager answers 500" in await get_text(headgate, f"/ui/incidents/{incident.id}")

    await stories.change(incident, incident.resolve(Resolution.CHANNEL_WORKS, stories.now), IncidentEntryKind.RESOLVED)
    headgate.page_context.incident_summary.forget()
    assert 'id="banner" role="status" hidden' in (await headgate.page_client.get(path)).text


async def test_viewers_see_incidents_without_buttons(headgate: InProcessHeadgate) -> None:
    headgate = InProcessHeadgate(auth="team")
    incident = await an_incident(headgate)

    for role, may_act in ((Role.VIEWER, False), (Role.OPERATOR, True)):
        page = (await headgate.page_client.get(f"/ui/incidents/{incident.id}", headers=await headgate.api.sign_in(role))).text
        assert ("/acknowledge" in page) is may_act, role


async def test_people_who_are_not_signed_in_see_no_number_and_no_banner(headgate: InProcessHeadgate) -> None:
    headgate = InProcessHeadgate(auth="team")
    await an_incident(headgate)
    await headgate.alert_stories.break_channel(await headgate.alert_stories.add_channel("pager"))

    page = (await headgate.page_client.get("/ui/sign-in")).text

    assert get_title(page) == "Sign in · Headgate" and "pager" not in page


async def test_a_runs_page_names_its_incident(headgate: InProcessHeadgate) -> None:
    incident = await an_incident(headgate)

    page = (await headgate.page_client.get(f"/ui/runs/{incident.last_run_id}")).text

    assert f'href="/ui/incidents/{incident.id}"' in page and "Incident" in to_text(page)


async def test_a_pipelines_page_has_its_open_incident(headgate: InProcessHeadgate) -> None:
    incident = await an_incident(headgate)

    page = (await headgate.page_client.get("/ui/pipelines/warehouse")).text

    assert f'href="/ui/incidents/{incident.id}"' in page
    resolved = replace(incident).resolve(Resolution.RECOVERED, headgate.alert_stories.now)
    await headgate.alert_stories.change(incident, resolved, IncidentEntryKind.RESOLVED)
    assert f'href="/ui/incidents/{incident.id}"' not in (await headgate.page_client.get("/ui/pipelines/warehouse")).text
