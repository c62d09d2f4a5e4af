"""The API of channels, with the checks of real settings."""

import asyncio
from typing import Any

import httpx
import pytest

from adapters.delivery.alert_channels import build_channel_settings
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.persistence.deliveries import StoredMessage
from domain.access.permissions import Role
from domain.alerts.delivery import Delivery
from domain.alerts.message import MessageKind
from entrypoints.api.channels.models import ChannelResponse, ChannelTestResponse, SavedChannelResponse
from tests.support.incidents import AlertingHeadgate
from tests.support.settings import make_settings
from tests.unit.entrypoints.api.test_response_models import assert_fits

SECRET_PART = "T1-secret-part"
URL = f"https://chat.example.com/hooks/{SECRET_PART}"
WEBHOOK: dict[str, Any] = {"name": "team-chat", "kind": "webhook", "url": URL}
MAIL: dict[str, Any] = {
    "host": "smtp.example.org",
    "user": "ops",
    "password": "pass-word",
    "from": "a@example.org",
    "to": ["b@example.org"],
}


@pytest.fixture
def headgate() -> AlertingHeadgate:
    return AlertingHeadgate(ports={"channel_settings": build_channel_settings(make_settings())})


async def create(headgate: AlertingHeadgate, status: int = 201, **body: Any) -> httpx.Response:
    answer = await headgate.client.post("/channels/", json={**WEBHOOK, **body})
    assert answer.status_code == status, answer.text
    return answer


async def put(headgate: AlertingHeadgate, body: Any, name: str = "team-chat", status: int = 200) -> Any:
    answer = await headgate.client.put(f"/channels/{name}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_webhook_shows_its_secret_once_and_its_address_never(headgate: AlertingHeadgate) -> None:
    created = await create(headgate)
    shown = await headgate.client.get("/channels/team-chat")
    listed = await headgate.client.get("/channels/")
    changed = await headgate.client.put("/channels/team-chat", json={"url": URL + "2"})
    audit = await headgate.client.get("/audit/")

    assert (created.headers["location"], created.headers["cache-control"]) == ("/channels/team-chat", "no-store")
    assert_fits(created, SavedChannelResponse)
    secret = created.json()["secret"]
    assert secret.startswith("whsec_") and len(secret) > 40
    assert_fits(shown, ChannelResponse)
    assert (shown.json()["summary"], listed.json()) == ("chat.example.com/…", [shown.json()])
    assert changed.json()["secret"] is None
    assert not any(SECRET_PART in answer.text for answer in (created, shown, listed, changed, audit))
    assert not any(secret in answer.text for answer in (shown, listed, changed, audit))
    stored = headgate.fakes.store.committed.channels[1].channel
    assert SECRET_PART.encode() not in stored.settings and secret.encode() not in stored.settings


async def test_a_repeated_key_creates_one_channel_and_does_not_show_the_secret_again(headgate: AlertingHeadgate) -> None:
    answers = [await headgate.client.post("/channels/", json=WEBHOOK, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert [(answer.status_code, answer.json()["secret"] is None) for answer in answers] == [(201, False), (201, True)]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert "whsec" not in str(headgate.fakes.store.committed.answers)


async def test_a_name_is_taken_once(headgate: AlertingHeadgate) -> None:
    await create(headgate)

    refused = (await create(headgate, 409)).json()

    assert (refused["problem"], refused["title"]) == ("channel_exists", "Name taken")


async def test_settings_that_are_left_out_stay(headgate: AlertingHeadgate) -> None:
    await create(headgate, name="ops", kind="email", url=None, settings=MAIL)

    await put(headgate, {"settings": {"to": ["c@example.org"]}, "drill": True}, "ops")
    shown = (await headgate.client.get("/channels/ops")).json()

    assert (shown["summary"], shown["drill"]) == ("c@example.org through smtp.example.org", True)


async def test_each_change_is_audited_and_in_the_feed(headgate: AlertingHeadgate) -> None:
    start = await headgate.fakes.change_feed.position()
    await create(headgate)
    await put(headgate, {"drill": True})
    await put(headgate, {"drill": True})
    assert (await headgate.client.delete("/channels/team-chat")).status_code == 204

    changes = ["created", "changed", "deleted"]
    assert headgate.list_audit() == [(f"channel_{change}", "channel team-chat") for change in changes]
    assert [event.data for event in await headgate.read_events(start)] == [{"name": "team-chat", "change": each} for each in changes]


async def test_a_channel_is_disabled_and_new_settings_enable_it(headgate: AlertingHeadgate) -> None:
    await create(headgate)

    disabled = await put(headgate, {"disabled": True})
    unchanged = await put(headgate, {"drill": True})
    enabled = await put(headgate, {"url": URL})
    again = [await put(headgate, {"disabled": state}) for state in (True, False)]

    assert disabled["disabled_reason"] == "Disabled by an admin" == unchanged["disabled_reason"]
    assert [each["disabled_at"] is None for each in (disabled, unchanged, enabled, *again)] == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"name": "Team Chat"}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "a" * 64}, ["name"]),
        ({"name": 5}, ["name"]),
        ({"name": None}, ["name"]),
        ({"kind": "fax"}, ["kind"]),
        ({"url": None}, ["settings"]),
        ({"settings": {"url": URL}}, ["url"]),
        ({"url": "not a url"}, ["url"]),
        ({"url": "https://127.0.0.1/x"}, ["url"]),
        ({"url": "https://169.254.169.254/latest"}, ["url"]),
        ({"url": None, "settings": {"url": "ftp://x.example/"}}, ["settings.url"]),
        ({"url": None, "settings": {"url": URL, "uri": 1}}, ["settings.uri"]),
        ({"url": None, "settings": {}}, ["settings.url"]),
        ({"url": None, "settings": []}, ["settings"]),
        ({"url": None, "settings": {f"k{index}": 1 for index in range(21)}}, ["settings"]),
        ({"kind": "apprise", "url": "json://10.0.0.1/"}, ["url"]),
        ({"kind": "pagerduty", "url": None, "settings": {"routing_key": "short"}}, ["settings.routing_key"]),
        (
            {"kind": "email", "url": None, "settings": {"host": "a b", "port": 0, "from": "x", "to": ["b@example.org", "y"]}},
            ["settings.from", "settings.host", "settings.port", "settings.to[1]"],
        ),
        ({"fallback": "unknown"}, ["fallback"]),
        ({"fallback": "team-chat"}, ["fallback"]),
        ({"drill": "yes"}, ["drill"]),
        ({"chanel": 1}, ["chanel"]),
    ],
)
async def test_an_invalid_channel_names_each_field(headgate: AlertingHeadgate, body: Any, fields: list[str]) -> None:
    refused = (await create(headgate, 422, **body)).json()

    assert sorted(error["field"] for error in refused["errors"]) == fields
    assert headgate.fakes.store.committed.channels == {}


async def test_the_kind_of_a_channel_stays(headgate: AlertingHeadgate) -> None:
    await create(headgate)

    same = await put(headgate, {"kind": "webhook"})
    (error,) = (await put(headgate, {"kind": "apprise", "url": "slack://a/b/c"}, status=422))["errors"]

    assert same["kind"] == "webhook"
    assert error == {"field": "kind", "message": "cannot change from webhook: create a new channel and delete this one"}


async def test_fallbacks_do_not_lead_back(headgate: AlertingHeadgate) -> None:
    await create(headgate, name="a")
    await create(headgate, name="b", fallback="a")
    await create(headgate, name="c", fallback="b")

    (unknown,) = (await put(headgate, {"fallback": "d"}, "a", 422))["errors"]
    (error,) = (await put(headgate, {"fallback": "c"}, "a", 422))["errors"]

    assert error == {"field": "fallback", "message": "must not form a loop back to the channel"}
    assert unknown["message"] == "There is no channel named d. Channels: a, b and c."


async def test_a_channel_in_use_is_not_deleted_and_says_by_what(headgate: AlertingHeadgate) -> None:
    await create(headgate)
    await create(headgate, name="other", fallback="team-chat")
    await headgate.client.post("/alert-rules/", json={"name": "on-call", "on": ["failed"], "to": ["team-chat"]})
    await add_delivery(headgate, 1)

    refused = (await headgate.client.delete("/channels/team-chat")).json()

    assert (refused["problem"], refused["status"], refused["title"]) == ("channel_in_use", 409, "Channel in use")
    assert refused["detail"] == (
        "The channel team-chat is used by the alert rule on-call and the channel other, and 1 delivery waits for it."
    )
    assert (refused["rules"], refused["channels"], refused["pipelines"], refused["waiting"]) == (["on-call"], ["other"], [], 1)


async def test_waiting_deliveries_alone_keep_a_channel(headgate: AlertingHeadgate) -> None:
    await create(headgate)
    for _ in range(2):
        await add_delivery(headgate, 1)

    refused = (await headgate.client.delete("/channels/team-chat")).json()

    assert (refused["problem"], refused["detail"]) == ("channel_in_use", "2 deliveries wait for the channel team-chat.")


@pytest.mark.parametrize("name", ["unknown", "a%20b", "x" * 100, "A"])
async def test_an_unknown_channel_is_not_found(headgate: AlertingHeadgate, name: str) -> None:
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        answer = await headgate.client.request(method, f"/channels/{name}", json=body)
        assert (answer.status_code, answer.json()["problem"]) == (404, "not_found")


async def test_only_an_admin_changes_channels() -> None:
    headgate = AlertingHeadgate(auth="team")
    operator = await headgate.api.sign_in(Role.OPERATOR)

    assert (await headgate.client.get("/channels/", headers=operator)).status_code == 200
    for method, path in (("POST", ""), ("PUT", "a"), ("DELETE", "a")):
        answer = await headgate.client.request(method, f"/channels/{path}", json=WEBHOOK if method != "DELETE" else None, headers=operator)
        assert (answer.status_code, answer.json()["detail"]) == (403, "This requires the role admin.")


async def add_delivery(headgate: AlertingHeadgate, channel_id: int) -> None:
    now = headgate.fakes.clock.now()
    async with headgate.fakes.open_unit_of_work() as work:
        message_id = f"msg_{len(headgate.list_deliveries())}"
        await work.deliveries.add_messages([StoredMessage(message_id, MessageKind.OPENED, {"subject": "nightly failed"}, now)])
        await work.deliveries.add([Delivery(0, message_id, None, channel_id, now)])
        await work.commit()


async def test_a_test_message_says_what_became_of_it(headgate: AlertingHeadgate) -> None:
    await create(headgate)

    delivered = await send_test(headgate)
    headgate.fakes.channel_sender.broken["team-chat"] = DeliveryFailed("The receiver responded with 500.")
    refused = await send_test(headgate)

    assert_fits(delivered, ChannelTestResponse)
    assert (delivered.json()["channel"], delivered.json()["state"], delivered.json()["error"]) == ("team-chat", "sent", None)
    assert (refused.json()["state"], refused.json()["error"]) == ("dead", "The receiver responded with 500.")
    assert [message.kind for message in headgate.fakes.channel_sender.sent["team-chat"]] == [MessageKind.TEST]
    assert headgate.list_audit()[-1] == ("channel_tested", "channel team-chat")


async def test_only_an_existing_channel_is_tested(headgate: AlertingHeadgate) -> None:
    assert (await headgate.client.post("/channels/unknown/test")).status_code == 404


async def send_test(headgate: AlertingHeadgate) -> httpx.Response:
    """Request a test, and send what is due until it is answered."""
    answer = asyncio.ensure_future(headgate.client.post("/channels/team-chat/test"))
    while not answer.done():
        await headgate.application.delivery_service().run_once()
        await asyncio.sleep(0.01)
    return answer.result()
