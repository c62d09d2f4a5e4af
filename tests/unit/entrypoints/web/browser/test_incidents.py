"""Incidents in a real browser: live, by keyboard, in both themes, on a phone and without scripts."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from application.ports.persistence.pipelines import StoredPipeline
from domain.alerts.incident import Incident, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.runs.status import Status
from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.run_stories import AttemptStory
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}}
WAYS = pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])


@pytest.fixture
def warehouse(served: ThreadServer) -> tuple[StoredPipeline, int]:
    """A pipeline and its failed run."""
    stories = served.headgate.stories
    pipeline = served.do(stories.add_pipeline("warehouse", ["load", "fact-orders"]))
    failure = AttemptStory(30, Status.FAILED, error="UniqueViolation: duplicate key")
    begin = served.headgate.fakes.clock.now() - timedelta(minutes=9)
    return pipeline, served.do(stories.play_run(pipeline, begin, {"load": [AttemptStory(9)], "fact-orders": [failure]}))


def open_incident(served: ThreadServer, warehouse: tuple[StoredPipeline, int], **fields: Any) -> Incident:
    incident: Incident = served.do(served.headgate.alert_stories.open_incident(*warehouse, **fields))
    return incident


def wait_until_live(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("Live")


def test_an_incident_appears_on_open_pages_without_a_reload(
    served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int]
) -> None:
    board, listed, runs = (open_page(served.url + path) for path in ("/", "/ui/incidents", "/ui/runs"))
    for page in (board, listed, runs):
        wait_until_live(page)
        page.evaluate("window.unreloaded = true")

    incident = open_incident(served, warehouse)

    expect(board.locator(".open-incidents li")).to_contain_text("warehouse failed at fact-orders: UniqueViolation")
    expect(listed.locator(".incidents li")).to_have_count(1)
    for page in (board, listed, runs):
        expect(page).to_have_title(re.compile(r"^\(1\) "))
        expect(page.locator("#incident-count")).to_have_text("1")

    stories = served.headgate.alert_stories
    resolved = incident.resolve(Resolution.RECOVERED, stories.now)
    served.do(stories.change(incident, resolved, IncidentEntryKind.RESOLVED))

    expect(board.locator(".open-incidents")).to_have_count(0)
    expect(listed.get_by_text("No incident is open.")).to_be_visible()
    for page in (board, listed, runs):
        expect(page).to_have_title(re.compile(r"^[^(]"))
        expect(page.locator("#incident-count")).to_be_hidden()
        assert page.evaluate("window.unreloaded")


def test_a_banner_appears_while_a_channel_does_not_deliver(served: ThreadServer, open_page: OpenPage) -> None:
    page, stories = open_page(f"{served.url}/ui/runs"), served.headgate.alert_stories
    wait_until_live(page)
    expect(page.locator("#banner")).to_be_hidden()

    incident = served.do(stories.break_channel(served.do(stories.add_channel("pager"))))

    expect(page.locator("#banner")).to_contain_text("Channel pager does not deliver messages.")
    served.do(stories.change(incident, incident.resolve(Resolution.CHANNEL_WORKS, stories.now), IncidentEntryKind.RESOLVED))
    expect(page.locator("#banner")).to_be_hidden()


@WAYS
def test_an_incident_is_acknowledged_from_the_board(
    served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int], options: dict[str, Any]
) -> None:
    incident = open_incident(served, warehouse)
    page = open_page(served.url, **options)

    page.get_by_role("link", name="Acknowledge warehouse").click()
    page.get_by_role("button", name="Acknowledge").click()

    expect(page.locator(".open-incidents")).to_have_count(0)
    expect(page).to_have_url(f"{served.url}/")
    assert served.headgate.fakes.store.committed.incidents[incident.id].acknowledged_by == "someone"


@WAYS
def test_an_incident_is_snoozed_and_resolved_on_its_page(
    served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int], options: dict[str, Any]
) -> None:
    incident = open_incident(served, warehouse)
    page = open_page(f"{served.url}/ui/incidents/{incident.id}", **options)

    page.get_by_role("button", name="Until tomorrow").click()
    expect(page.locator(".status-text")).to_contain_text("A user snoozed it until")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_hidden()
    page.get_by_role("button", name="Resolve").click()

    expect(page.locator(".status-text")).to_contain_text("A user resolved it at")
    expect(page.get_by_role("button", name="Snooze 1 h")).to_be_hidden()


def test_an_incident_is_acknowledged_by_keyboard(served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int]) -> None:
    open_incident(served, warehouse)
    page = open_page(served.url)
    wait_until_live(page)

    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page).to_have_url(f"{served.url}/ui/incidents")
    wait_until_live(page)
    page.get_by_role("link", name="Acknowledge warehouse").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator(".incidents li")).to_have_attribute("data-state", "acknowledged")


def test_the_selected_row_stays_selected_when_another_one_goes_away(
    served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int]
) -> None:
    stories = served.headgate.alert_stories
    kept, gone = (open_incident(served, warehouse, summary=summary) for summary in ("the older", "the newer"))
    page = open_page(f"{served.url}/ui/incidents")
    wait_until_live(page)
    for summary in ("the newer", "the older"):
        page.keyboard.press("j")
        expect(page.locator(":focus")).to_contain_text(summary)

    served.do(stories.change(gone, gone.resolve(Resolution.RECOVERED, stories.now), IncidentEntryKind.RESOLVED))
    expect(page.locator(".incidents li")).to_have_count(1)
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{served.url}/ui/incidents/{kept.id}")


def test_the_page_leads_to_the_retry_of_the_run(served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int]) -> None:
    incident = open_incident(served, warehouse)
    page = open_page(f"{served.url}/ui/incidents/{incident.id}")

    page.get_by_role("link", name="Retry from fact-orders").click()

    expect(page.locator("#action-dialog")).to_contain_text("Retry warehouse#1 from fact-orders?")


def test_the_pages_are_accessible_and_fit_a_phone(served: ThreadServer, open_page: OpenPage, warehouse: tuple[StoredPipeline, int]) -> None:
    stories = served.headgate.alert_stories
    incident = open_incident(served, warehouse, concurrency_key="customer=acme-with-a-long-name-of-many-characters")
    now, channel = stories.now, served.do(stories.add_channel("team"))
    served.do(stories.deliver(incident, channel, lambda each: each.mark_sent(now)))
    served.do(stories.deliver(incident, channel, lambda each: each.kill("410 Gone"), kind=MessageKind.REMINDER))
    served.do(stories.break_channel(channel))

    page = open_page("about:blank", **PHONE)
    for path in ("/", "/ui/incidents?state=all", "/ui/incidents/1", "/ui/incidents/1/acknowledge", "/ui/pipelines/warehouse"):
        page.goto(served.url + path)
        expect_fits_phone_in_both_themes(page)
