"""Webhooks: signed by the published standard, small, and strict about answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.delivery.channels.reasons import parse_retry_after
from adapters.delivery.channels.webhook_body import MAX_BODY_BYTES, build_webhook_body
from adapters.delivery.channels.webhook_sender import WebhookSender
from adapters.system.clock import SystemClock
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_http import OutgoingResponse
from application.ports.delivery.outgoing_message import MessageLink
from domain.alerts.message import MessageKind
from tests.fakes.delivery.outgoing_http import FakeOutgoingHttp
from tests.fakes.system.clock import FakeClock
from tests.support.alert_messages import WEBHOOK_SECRET, a_message

SETTINGS = {"url": "https://hooks.example.com/in?token=hook-token-1234", "secret": WEBHOOK_SECRET}
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


async def fail(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> DeliveryFailed:
    http = FakeOutgoingHttp()
    http.outcomes = [OutgoingResponse(status, headers or {}, body)]
    with pytest.raises(DeliveryFailed) as failed:
        await WebhookSender(http, FakeClock(NOW), 15.0).send(SETTINGS, a_message())
    return failed.value


async def test_a_receiver_can_verify_the_signature() -> None:
    http = FakeOutgoingHttp()
    await WebhookSender(http, SystemClock(), 15.0).send(SETTINGS, a_message())

    (request,) = http.sent
    assert Webhook(WEBHOOK_SECRET).verify(request.body, dict(request.headers))["type"] == "incident.opened"
    with pytest.raises(WebhookVerificationError):
        Webhook(WEBHOOK_SECRET).verify(request.body.replace(b"27", b"28"), dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "b" * 32).verify(request.body, dict(request.headers))
    assert (request.method, request.url, request.follow_redirects) == ("POST", SETTINGS["url"], False)


async def test_the_signature_is_that_of_the_standards_published_example() -> None:
    """The example of https://github.com/standard-webhooks: its secret, identifier, time, body and signature."""
    at = datetime.fromtimestamp(1614265330, UTC)

    assert Webhook(WEBHOOK_SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


async def test_a_repeated_message_has_the_same_id_and_body_and_a_new_time() -> None:
    http, clock = FakeOutgoingHttp(), FakeClock(NOW)
    sender = WebhookSender(http, clock, 15.0)

    await sender.send(SETTINGS, a_message())
    clock.advance(30)
    await sender.send(SETTINGS, a_message())

    first, second = http.sent
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "msg-1"
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 30
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_the_body_has_type_time_and_data_with_links() -> None:
    body = json.loads(build_webhook_body(a_message()))

    assert (body["type"], body["timestamp"]) == ("incident.opened", "2026-11-29T12:30:00+00:00")
    assert body["data"]["subject"] == "nightly-warehouse#27 failed at fact-orders: UniqueViolation"
    assert (body["data"]["incident"], body["data"]["severity"], body["data"]["dedup_key"]) == (7, "critical", "incident-7")
    assert body["data"]["links"][0] == {"label": "Run", "url": "https://headgate.example.org/ui/runs/27"}


@pytest.mark.parametrize("kind", list(MessageKind))
def test_every_kind_of_message_has_a_type(kind: MessageKind) -> None:
    outside = {MessageKind.NOTICE, MessageKind.DIGEST, MessageKind.TEST, MessageKind.DRILL}

    assert json.loads(build_webhook_body(a_message(kind=kind)))["type"] == f"{'alert' if kind in outside else 'incident'}.{kind.value}"


@pytest.mark.parametrize(
    "values",
    [
        {"text": "x" * 100_000},
        {"text": "🔥" * 100_000},
        {"text": "\0" * 100_000},
        {"subject": "ü" * 100_000},
        {"data": {"incident": 7, "lines": ["🔥" * 1_000] * 1_000}},
        {"links": tuple(MessageLink("é" * 500, "https://h.example.org/" + "x" * 5_000) for _ in range(50))},
    ],
)
def test_a_body_is_never_larger_than_20_kb(values: dict[str, Any]) -> None:
    body = build_webhook_body(a_message(**values))

    assert body.isascii() and len(body) <= MAX_BODY_BYTES
    assert json.loads(body)["data"]["links"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_success(status: int) -> None:
    http = FakeOutgoingHttp()
    http.outcomes = [OutgoingResponse(status, {}, b"")]

    await WebhookSender(http, FakeClock(NOW), 15.0).send(SETTINGS, a_message())


@pytest.mark.parametrize("status", [100, 301, 302, 303, 304, 307, 308, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 599])
async def test_another_status_is_tried_again(status: int) -> None:
    failure = await fail(status, {"location": "http://169.254.169.254/"})

    assert (failure.is_permanent, failure.disables_channel) == (False, False)
    assert failure.reason.startswith(f"hooks.example.com answered {status}")


@pytest.mark.parametrize("status", [400, 405, 413, 414, 415, 422])
async def test_a_rejected_request_is_not_tried_again(status: int) -> None:
    assert (await fail(status)).is_permanent


async def test_410_disables_the_channel_and_leaves_the_message_to_the_service() -> None:
    failure = await fail(410)

    assert (failure.is_permanent, failure.disables_channel) == (False, True)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed(status: int) -> None:
    assert (await fail(status, {"retry-after": "120"})).retry_after == 120
    assert (await fail(status, {"retry-after": "Sun, 29 Nov 2026 12:05:00 GMT"})).retry_after == 300


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("5", 5.0),
        (" 7 ", 7.0),
        ("999999999999999999999999", 21_600.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 30 Nov 2099 12:00:00 GMT", 21_600.0),
        ("Sunday, 29-Nov-26 12:01:00 GMT", 60.0),
        ("Sun Nov 29 12:01:00 2026", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٥", None),
        ("Sun, 99 Nov 2026 12:05:00 GMT", None),
        ("0x10", None),
    ],
)
def test_a_retry_after_header_is_parsed_and_limited(value: str, seconds: float | None) -> None:
    assert parse_retry_after({"retry-after": value}, NOW) == seconds
    assert parse_retry_after({}, NOW) is None


async def test_a_reason_is_one_line_without_the_urls_secrets() -> None:
    failure = await fail(500, body=b"no\r\nroute for /in?token=hook-token-1234 \x00" + b"x" * 2_000)

    assert "hook-token-1234" not in failure.reason
    assert "\n" not in failure.reason and len(failure.reason) < 400
