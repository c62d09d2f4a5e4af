"""Channels: the list, one channel, the forms of the four kinds, the test and the deletion."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from adapters.delivery.alert_channels import build_channel_settings
from application.ports.delivery.channel_sender import DeliveryFailed
from domain.access.permissions import Role
from domain.alerts.channel import ChannelKind
from tests.support.in_process import InProcessHeadgate
from tests.support.settings import make_settings
from tests.unit.entrypoints.web.pages.alerts.test_incidents import get_text, to_text

SECRET = "T1-secret-part"
FORMS = {
    ChannelKind.WEBHOOK: {"url": f"https://hooks.example.org/{SECRET}"},
    ChannelKind.EMAIL: {
        "host": "mx.acme.example",
        "port": "587",
        "security": "starttls",
        "user": "ops",
        "password": SECRET,
        "from": "headgate@example.org",
        "to": "ops@example.org, lead@example.org",
    },
    ChannelKind.PAGERDUTY: {"routing_key": "0123456789abcdef0123456789abcdef", "region": "eu"},
    ChannelKind.APPRISE: {"url": "slack://T1A2B3C4D/B1A2B3C4D/abcdefghijklmnopqrstuvwx"},
}


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    return InProcessHeadgate(ports={"channel_settings": build_channel_settings(make_settings())})


async def create(headgate: InProcessHeadgate, kind: ChannelKind = ChannelKind.WEBHOOK, **fields: str) -> httpx.Response:
    form = {"name": "team", **FORMS[kind], **fields}
    return await headgate.page_client.post(f"/ui/new-channel?kind={kind.value}", data=form)


async def test_a_channel_says_when_it_was_proved_and_what_waits(headgate: InProcessHeadgate) -> None:
    stories = headgate.alert_stories
    now = stories.now
    channel = await stories.add_channel("team", proved_at=now - timedelta(days=3), proved_seconds=4.0)
    await stories.add_rule("oncall", "team")
    await stories.add_channel("pager", fallback="team")
    for change in (lambda each: each, lambda each: each.kill("410 Gone"), lambda each: each.mark_sent(now)):
        await stories.deliver(None, channel, change)

    for path in ("/ui/channels", "/ui/channels/team"):
        page = (await headgate.page_client.get(path)).text
        text = to_text(page)
        assert "in 4 s" in text and "1 waiting, 1 not delivered" in text, path
        assert 'href="/ui/alert-rules/oncall"' in page and "fallback of pager" in text
    assert "410 Gone" in text and text.count("Test message") == 3


async def test_without_channels_the_page_says_what_they_are(headgate: InProcessHeadgate) -> None:
    assert "No channels yet." in await get_text(headgate, "/ui/channels")


@pytest.mark.parametrize("name", ["nothing", "no%00thing", "Ünknown"])
async def test_an_unknown_channel_is_a_page_that_says_so(headgate: InProcessHeadgate, name: str) -> None:
    for path in (f"/ui/channels/{name}", f"/ui/channels/{name}/edit", f"/ui/channels/{name}/delete", f"/ui/live/channels/{name}"):
        assert (await headgate.page_client.get(path)).status_code == 404, path
    assert (await headgate.page_client.post(f"/ui/channels/{name}/test")).status_code == 404


@pytest.mark.parametrize("kind", ChannelKind)
async def test_each_kind_is_created_by_its_form(headgate: InProcessHeadgate, kind: ChannelKind) -> None:
    form = await get_text(headgate, f"/ui/new-channel?kind={kind.value}")
    answer = await create(headgate, kind, drill="true")

    assert "Create channel" in form
    assert answer.status_code in (201, 303), to_text(answer.text)
    (row,) = headgate.fakes.store.committed.channels.values()
    assert (row.channel.name, row.channel.kind, row.channel.drill) == ("team", kind, True)


async def test_a_webhooks_secret_is_shown_on_its_page_for_ten_minutes(headgate: InProcessHeadgate) -> None:
    created = await create(headgate)

    assert (created.status_code, created.headers["location"]) == (303, "/ui/channels/team")
    assert "Max-Age=600; Path=/ui/channels/team; SameSite=strict" in created.headers["set-cookie"]
    for _ in range(2):
        assert "whsec_" in await get_text(headgate, "/ui/channels/team")
    for path in ("/ui/channels", "/ui/channels/team/edit"):
        assert "whsec_" not in await get_text(headgate, path), path
    headgate.page_client.cookies.clear()
    page = await get_text(headgate, "/ui/channels/team")
    assert "whsec_" not in page and SECRET not in page


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        (ChannelKind.WEBHOOK, {"name": "Team 1"}, "Name must be 1 to 63 lower-case letters, digits and hyphens"),
        (ChannelKind.WEBHOOK, {"url": "ftp://x"}, "Address must"),
        (ChannelKind.EMAIL, {"port": "many"}, "Port must"),
        (ChannelKind.EMAIL, {"port": "²"}, "Port must"),
        (ChannelKind.EMAIL, {"port": "9" * 5_000}, "Port must"),
        (ChannelKind.EMAIL, {"to": "nobody"}, "To must"),
        (ChannelKind.PAGERDUTY, {"region": "mars"}, "Region must"),
        (ChannelKind.WEBHOOK, {"fallback": "nothing"}, "Fallback"),
    ],
)
async def test_an_invalid_form_is_shown_again_with_its_errors(
    headgate: InProcessHeadgate, kind: ChannelKind, fields: dict[str, str], sentence: str
) -> None:
    answer = await create(headgate, kind, **fields)

    assert answer.status_code == 422
    assert sentence in to_text(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{SECRET}"' not in answer.text
    assert not headgate.fakes.store.committed.channels


async def test_a_name_that_is_taken_is_said_above_the_form(headgate: InProcessHeadgate) -> None:
    await create(headgate)

    answer = await create(headgate)

    assert answer.status_code == 409 and "team" in to_text(answer.text)


async def test_blank_settings_are_kept(headgate: InProcessHeadgate) -> None:
    await create(headgate, ChannelKind.EMAIL)
    (before,) = [row.channel for row in headgate.fakes.store.committed.channels.values()]

    form = (await headgate.page_client.get("/ui/channels/team/edit")).text
    answer = await headgate.page_client.post("/ui/channels/team/edit", data={"host": "", "password": "", "drill": "true"})

    assert SECRET not in form and "mx.acme.example" not in form
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/channels/team")
    (after,) = [row.channel for row in headgate.fakes.store.committed.channels.values()]
    assert (after.settings, after.drill) == (before.settings, True)


async def test_a_changed_setting_is_stored_and_an_invalid_one_is_not(headgate: InProcessHeadgate) -> None:
    await create(headgate, ChannelKind.EMAIL)

    answer = await headgate.page_client.post("/ui/channels/team/edit", data={"host": "mail.example.com"})
    assert answer.status_code == 422 and "Password is required again, because the host changes" in to_text(answer.text)
    answer = await headgate.page_client.post("/ui/channels/team/edit", data={"host": "mail.example.com", "password": "another one"})
    assert answer.status_code == 303, to_text(answer.text)
    assert "mail.example.com" in await get_text(headgate, "/ui/channels/team")

    answer = await headgate.page_client.post("/ui/channels/team/edit", data={"host": "two words"})
    assert answer.status_code == 422 and "SMTP server" in to_text(answer.text)


async def test_new_settings_enable_a_channel_and_the_box_disables_it(headgate: InProcessHeadgate) -> None:
    await create(headgate)

    await headgate.page_client.post("/ui/channels/team/edit", data={"disabled": "true"})
    assert "Disabled by" in await get_text(headgate, "/ui/channels/team")
    await headgate.page_client.post("/ui/channels/team/edit", data={"disabled": "true", "url": "https://new.example.org/x"})
    assert "Enabled" in await get_text(headgate, "/ui/channels/team")


async def send_test(headgate: InProcessHeadgate) -> str:
    """Request a test, send what is due until it is answered, and return the page's text."""
    answer = asyncio.ensure_future(headgate.page_client.post("/ui/channels/team/test"))
    while not answer.done():
        await headgate.application.delivery_service().run_once()
        await asyncio.sleep(0.01)
    assert answer.result().status_code == 200
    return to_text(answer.result().text)


async def test_a_test_says_what_became_of_it(headgate: InProcessHeadgate) -> None:
    await create(headgate)

    assert "The test message was sent in" in await send_test(headgate)
    headgate.fakes.channel_sender.broken["team"] = DeliveryFailed("The receiver responded with 500.")
    assert "The test message was not sent: The receiver responded with 500." in await send_test(headgate)


async def test_a_channel_in_use_is_not_deleted(headgate: InProcessHeadgate) -> None:
    await create(headgate)
    await headgate.alert_stories.add_rule("oncall", "team")

    page = (await headgate.page_client.get("/ui/channels/team/delete")).text
    answer = await headgate.page_client.post("/ui/channels/team/delete")

    assert 'href="/ui/alert-rules/oncall"' in page and '<button class="button primary"' not in page
    assert answer.status_code == 409 and "is used by the alert rule oncall" in to_text(answer.text)


async def test_an_unused_channel_is_deleted(headgate: InProcessHeadgate) -> None:
    await create(headgate)

    assert "Delete channel team?" in await get_text(headgate, "/ui/channels/team/delete")
    answer = await headgate.page_client.post("/ui/channels/team/delete")

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/channels")
    assert "No channels yet." in await get_text(headgate, "/ui/channels")


async def test_only_an_admin_changes_channels() -> None:
    headgate = InProcessHeadgate(auth="team")
    await headgate.alert_stories.add_channel("team")
    operator, admin = await headgate.api.sign_in(Role.OPERATOR), await headgate.api.sign_in(Role.ADMIN)

    for path in ("/ui/new-channel", "/ui/channels/team/edit", "/ui/channels/team/delete"):
        assert (await headgate.page_client.get(path, headers=operator)).status_code == 403, path
        assert (await headgate.page_client.get(path, headers=admin)).status_code == 200, path
    for headers, is_shown in ((operator, False), (admin, True)):
        page = (await headgate.page_client.get("/ui/channels/team", headers=headers)).text
        assert ("Send a test" in page) is is_shown
