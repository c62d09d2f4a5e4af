"""Alerts in a real browser: from a new channel to an acknowledged incident, and the pages of channels, rules, silences and links."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from adapters.delivery.alert_channels import build_channel_sender, build_channel_settings, build_outgoing_http
from adapters.system.clock import SystemClock
from application.commands.alerts.create_channel import NewChannel
from application.ports.access.action_tokens import ActionClaims, LinkAction
from domain.alerts.channel import ChannelKind
from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.http_receiver import HttpReceiver
from tests.support.in_process import InProcessHeadgate
from tests.support.in_thread import in_thread
from tests.support.servers import ThreadServer
from tests.support.settings import make_settings

OpenPage = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}}
PATHS = (
    "/ui/channels",
    "/ui/channels/team",
    "/ui/channels/team/edit",
    "/ui/channels/team/delete",
    "/ui/new-channel?kind=email",
    "/ui/silences?ended=1",
    "/ui/silences/1/end",
    "/ui/alert-rules",
    "/ui/alert-rules/oncall",
    "/ui/alert-rules/oncall/delete",
    "/ui/links/unknown",
    "/ui/pipelines/warehouse",
)
WAYS = pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
LOAD = {"name": "fact-orders", "command": ["true"]}


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with in_thread(HttpReceiver().open()) as receiver:
        yield receiver


@pytest.fixture
def alerting(receiver: HttpReceiver) -> Iterator[ThreadServer]:
    """A Headgate whose channels send to the receiver."""
    settings, clock = make_settings(http_allow=["127.0.0.0/8"], http_ports=[receiver.port]), SystemClock()
    http = build_outgoing_http(settings)
    ports = {"channel_settings": build_channel_settings(settings), "channel_sender": build_channel_sender(settings, http, clock)}
    with InProcessHeadgate(clock=clock, ports=ports).serve_in_thread() as served:
        served.do(served.headgate.api.create_pipeline("warehouse", LOAD, tags=["sql"]))
        yield served


def step(served: ThreadServer) -> None:
    """Judge what happened and send what is due, as the services of a web process do by themselves."""

    async def run() -> None:
        await served.headgate.application.alert_judge().run_once()
        await served.headgate.application.delivery_service().run_once()

    served.do(run())


def run_warehouse(served: ThreadServer, end: str, *, sends: bool = True) -> None:
    """Run the pipeline to its end, "completed" or "failed", and judge it. Without `sends`, its message is not sent yet."""

    async def run() -> None:
        use_cases = served.headgate.use_cases
        run_id = (await use_cases.trigger("warehouse")).run_id
        await use_cases.claim(run_id)
        await use_cases.advance(run_id, ("fact-orders", end))

    served.do(run())
    if sends:
        step(served)
    else:
        served.do(served.headgate.application.alert_judge().run_once())


def wait_until_live(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("Live")


def test_a_person_on_a_phone_learns_of_a_failure_and_acknowledges_it(
    alerting: ThreadServer, receiver: HttpReceiver, open_page: OpenPage
) -> None:
    step(alerting)
    page = open_page(f"{alerting.url}/ui/system", **PHONE)

    page.get_by_role("link", name="Channels", exact=True).click()
    page.get_by_role("link", name="New channel").click()
    page.get_by_label("Name").fill("team")
    page.get_by_label("Address").fill(f"{receiver.url}/hooks/secret-part")
    page.get_by_role("button", name="Create channel").click()
    expect(page.locator("pre.code")).to_contain_text("whsec_")
    expect(page.locator("body")).not_to_contain_text("secret-part")

    page.goto(f"{alerting.url}/ui/alert-rules")
    page.get_by_label("Name").fill("oncall")
    page.get_by_label("Channel 1", exact=True).select_option("team")
    page.get_by_role("button", name="Create rule").click()
    expect(page.locator(".alert-rules")).to_contain_text("oncall")

    page.goto(alerting.url)
    wait_until_live(page)
    run_warehouse(alerting, "failed")
    line = page.locator(".open-incidents li")
    expect(line).to_contain_text("warehouse failed at fact-orders")
    expect(page).to_have_title("(1) ✘ 1 failed · Pipelines · Headgate")
    (message,) = receiver.received
    assert message.target == "/hooks/secret-part" and "webhook-signature" in message.headers

    page.get_by_role("link", name="Acknowledge warehouse").click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".open-incidents")).to_have_count(0)
    expect(page).to_have_title("✘ 1 failed · Pipelines · Headgate")

    run_warehouse(alerting, "completed")
    page.goto(f"{alerting.url}/ui/incidents?state=resolved")
    page.get_by_role("link", name="warehouse failed at fact-orders").click()
    expect(page.locator(".status-text")).to_contain_text("A later run completed.")
    expect(page.locator(".deliveries li")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert len(receiver.received) == 2


@WAYS
def test_a_channel_of_each_kind_has_its_form(alerting: ThreadServer, open_page: OpenPage, options: dict[str, Any]) -> None:
    page = open_page(f"{alerting.url}/ui/channels", expected=("status of 422",), **options)

    page.get_by_role("link", name="New channel").click()
    page.get_by_role("link", name="PagerDuty").click()
    page.get_by_label("Name").fill("pager")
    page.get_by_label("Integration key").fill("too short")
    page.get_by_role("button", name="Create channel").click()
    expect(page.locator(".problems")).to_contain_text("Integration key must")
    page.get_by_label("Integration key").fill("0123456789abcdef0123456789abcdef")
    page.get_by_label("Region").select_option("eu")
    page.get_by_label("Weekly drill").check()
    page.get_by_role("button", name="Create channel").click()

    expect(page.locator("h1")).to_have_text("pager")
    expect(page.locator(".facts")).to_contain_text("on")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Disabled").check()
    page.get_by_role("button", name="Save channel").click()
    expect(page.locator(".status").first).to_have_text("Disabled")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete the channel").click()
    expect(page.get_by_text("No channels yet.")).to_be_visible()


@WAYS
def test_a_silence_is_created_and_ended(alerting: ThreadServer, open_page: OpenPage, options: dict[str, Any]) -> None:
    page = open_page(f"{alerting.url}/ui/silences", expected=("status of 422",), **options)

    page.get_by_label("Pipeline for one pipeline").select_option("warehouse")
    page.get_by_role("button", name="Create silence").click()
    expect(page.locator(".problems")).to_contain_text("Reason must not be empty")
    page.get_by_label("Reason").fill("PostgreSQL 18 upgrade")
    page.get_by_role("button", name="Create silence").click()
    expect(page.locator(".silences li")).to_contain_text("warehouse PostgreSQL 18 upgrade")
    page.get_by_role("link", name="End the silence of warehouse").click()
    page.get_by_role("button", name="End the silence").click()

    expect(page.locator(".silences li")).to_have_count(0)


def test_open_pages_follow_channels_and_silences(alerting: ThreadServer, open_page: OpenPage) -> None:
    channels, silences = (open_page(f"{alerting.url}/ui/{name}") for name in ("channels", "silences"))
    for page in (channels, silences):
        wait_until_live(page)
        page.evaluate("window.unreloaded = true")

    stories = alerting.headgate.alert_stories
    channel = alerting.do(stories.add_channel("team"))
    alerting.do(stories.silence(tag="sql", reason="Upgrade"))

    expect(channels.locator(".channels li")).to_contain_text("team")
    expect(silences.locator(".silences li")).to_contain_text("#sql Upgrade")
    alerting.do(stories.break_channel(channel))
    expect(channels.locator(".channels li")).to_contain_text("Not delivering")
    assert channels.evaluate("window.unreloaded") and silences.evaluate("window.unreloaded")


def test_an_open_page_of_an_incident_shows_that_its_message_was_sent(
    alerting: ThreadServer, receiver: HttpReceiver, open_page: OpenPage
) -> None:
    create = alerting.headgate.application.create_channel()
    alerting.do(create(NewChannel("team", ChannelKind.WEBHOOK, {"url": f"{receiver.url}/hook"})))
    alerting.do(alerting.headgate.alert_stories.add_rule("oncall", "team"))
    step(alerting)
    run_warehouse(alerting, "failed", sends=False)
    page = open_page(f"{alerting.url}/ui/incidents/1")
    wait_until_live(page)
    expect(page.locator(".deliveries li .status")).to_have_text("Waiting")

    step(alerting)

    assert len(receiver.received) == 1
    expect(page.locator(".deliveries li .status")).to_have_text("Sent")


@pytest.mark.parametrize("options", [{"java_script_enabled": False}, PHONE], ids=["no scripts", "phone"])
def test_a_link_of_a_message_asks_first(alerting: ThreadServer, open_page: OpenPage, options: dict[str, Any]) -> None:
    stories = alerting.headgate.alert_stories
    channel, pipeline = alerting.do(stories.add_channel("team")), alerting.do(alerting.headgate.fakes.reader.pipeline("warehouse"))
    incident = alerting.do(stories.open_incident(pipeline.id))
    delivery = alerting.do(stories.deliver(incident, channel))
    tokens = alerting.headgate.application.adapters.action_tokens()
    token = tokens.issue(ActionClaims(LinkAction.ACKNOWLEDGE, delivery.id, stories.now))

    page = open_page(f"{alerting.url}/ui/links/{token}", expected=("status of 410",), **options)
    expect(page.locator("h1")).to_have_text("Acknowledge the incident?")
    page.get_by_role("button", name="Acknowledge").click()

    expect(page.locator("h1")).to_have_text("Done")
    page.goto(f"{alerting.url}/ui/links/{token}")
    expect(page.locator("h1")).to_have_text("This link was used")


def test_the_pages_are_accessible_and_fit_a_phone(alerting: ThreadServer, open_page: OpenPage) -> None:
    stories = alerting.headgate.alert_stories
    channel = alerting.do(stories.add_channel("team", ChannelKind.EMAIL, summary="a-person-with-a-long-name@a-long-domain.example.org"))
    alerting.do(stories.add_rule("oncall", "team"))
    alerting.do(stories.silence(tag="sql", reason="https://tickets.example.org/browse/a-long-address-without-any-space-in-it"))
    alerting.do(stories.deliver(None, channel, lambda each: each.kill("410 Gone")))

    page = open_page("about:blank", expected=("status of 404",), **PHONE)
    for path in PATHS:
        page.goto(alerting.url + path)
        expect_fits_phone_in_both_themes(page)
