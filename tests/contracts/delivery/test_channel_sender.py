"""Senders: what every kind of channel promises, against real servers on loopback that misbehave."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from application.ports.delivery.channel_sender import DeliveryFailed
from domain.alerts.channel import ChannelKind
from tests.fakes.delivery.channel_sender import FakeChannelSender
from tests.support.alert_messages import SECRETS, AlertReceivers, a_message
from tests.support.certificates import make_certificate
from tests.support.http_receiver import BREAK, CLOSE, HANG, Answer, HttpReceiver

KINDS = list(ChannelKind)
HOSTILE = "a\r\nBcc: evil@example.org\r\n\r\n\0\ud800 ünï 🔥 <script>alert(1)</script> " + "x" * 3_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "hooks.slack.com")


@pytest.fixture
async def receivers(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AlertReceivers]:
    chat = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chat.load_cert_chain(*certificate)
    async with AlertReceivers.open(chat) as running:
        running.http.default = Answer(202, body=b"ok")
        monkeypatch.setenv("HTTPS_PROXY", running.http.url)  # for Apprise, which has fixed hosts
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        yield running


def make_chat_accept(http: HttpReceiver, kind: ChannelKind) -> None:
    """Let the receiver answer like Slack, which says 200 and "ok"."""
    if kind is ChannelKind.APPRISE:
        http.default = Answer(200, body=b"ok")


def get_bodies(receivers: AlertReceivers, kind: ChannelKind) -> list[str]:
    """Return what arrived: the texts of mails, or the bodies of requests."""
    if kind is not ChannelKind.EMAIL:
        return [json.dumps(json.loads(each.body), ensure_ascii=False) for each in receivers.http.received]
    return [f"{mail.message['Subject']} {mail.message.get_body(('plain',)).get_content()}" for mail in receivers.mail.received]  # type: ignore[union-attr]


def get_identities(receivers: AlertReceivers, kind: ChannelKind) -> list[str]:
    """Return what a receiver recognizes a repeated message by."""
    if kind is ChannelKind.EMAIL:
        return [str(mail.message["Message-ID"]) for mail in receivers.mail.received]
    if kind is ChannelKind.WEBHOOK:
        return [each.headers["webhook-id"] for each in receivers.http.received]
    bodies = [json.loads(each.body) for each in receivers.http.received]
    if kind is ChannelKind.PAGERDUTY:
        return [body["dedup_key"] for body in bodies]
    return [body["attachments"][0]["title"] for body in bodies]  # chat services recognize nothing; people do


async def fail(receivers: AlertReceivers, kind: ChannelKind, timeout: float = 20.0) -> DeliveryFailed:
    """Return how the delivery fails. No reason has a secret."""
    with pytest.raises(DeliveryFailed) as failed:
        await receivers.build_sender(timeout).send(receivers.channels[kind], a_message())
    assert not any(secret in failed.value.reason for secret in SECRETS), failed.value.reason
    assert failed.value.reason.endswith(".") and "\n" not in failed.value.reason
    return failed.value


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_arrives_with_its_subject_and_links(receivers: AlertReceivers, kind: ChannelKind) -> None:
    make_chat_accept(receivers.http, kind)

    await receivers.build_sender().send(receivers.channels[kind], a_message())

    (body,) = get_bodies(receivers, kind)
    assert "nightly-warehouse#27 failed at fact-orders" in body
    assert "https://headgate.example.org/ui/runs/27" in body
    assert "duplicate key value" in body


@pytest.mark.parametrize("kind", KINDS)
async def test_a_repeated_message_is_recognized_and_another_one_is_not(receivers: AlertReceivers, kind: ChannelKind) -> None:
    make_chat_accept(receivers.http, kind)
    sender = receivers.build_sender()

    for message in (a_message(), a_message(), a_message("msg-2", dedup_key="incident-8", subject="another")):
        await sender.send(receivers.channels[kind], message)

    first, same, other = get_identities(receivers, kind)
    assert first == same != other


@pytest.mark.parametrize("kind", KINDS)
async def test_a_temporary_failure_is_not_permanent(receivers: AlertReceivers, kind: ChannelKind) -> None:
    receivers.http.answers = [Answer(500, body=b"down for maintenance")]
    receivers.mail.replies = ["451 down for maintenance"]

    failure = await fail(receivers, kind)

    assert "500" in failure.reason or "down for maintenance" in failure.reason
    assert (failure.is_permanent, failure.disables_channel, failure.may_have_arrived) == (False, False, False)


@pytest.mark.parametrize("kind", [ChannelKind.WEBHOOK, ChannelKind.PAGERDUTY, ChannelKind.EMAIL])
async def test_a_refused_message_is_permanent(receivers: AlertReceivers, kind: ChannelKind) -> None:
    secret = {ChannelKind.WEBHOOK: "hook-token-1234", ChannelKind.EMAIL: "mail-password-1"}.get(kind, SECRETS[0])
    receivers.http.answers = [Answer(400, body=f"refused\n{secret}".encode())]
    receivers.mail.replies = [f"550 refused {secret}"]

    failure = await fail(receivers, kind)

    assert "refused" in failure.reason
    assert failure.is_permanent


@pytest.mark.parametrize("kind", KINDS)
async def test_a_receiver_that_hangs_is_left_in_time(receivers: AlertReceivers, kind: ChannelKind) -> None:
    receivers.http.default = HANG
    receivers.mail.greets = False
    sender = receivers.build_sender(timeout=0.5)
    if kind is ChannelKind.EMAIL:
        sender = receivers.build_sender(timeout=-9.5)  # mail has ten seconds more

    with pytest.raises(DeliveryFailed, match=r"within 0\.5 seconds") as failed:
        await sender.send(receivers.channels[kind], a_message())

    assert not failed.value.is_permanent


@pytest.mark.parametrize("answer", [CLOSE, BREAK], ids=["at once", "half way"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_receiver_that_closes_is_a_temporary_failure(receivers: AlertReceivers, kind: ChannelKind, answer: Answer) -> None:
    receivers.http.answers = [answer]
    receivers.mail.dies_after_data = True

    failure = await fail(receivers, kind)

    assert (failure.is_permanent, failure.may_have_arrived) == (False, True)


@pytest.mark.parametrize("kind", KINDS)
async def test_any_text_can_be_sent(receivers: AlertReceivers, kind: ChannelKind) -> None:
    make_chat_accept(receivers.http, kind)

    await receivers.build_sender().send(receivers.channels[kind], a_message(subject=HOSTILE, text=HOSTILE * 10, html=f"<p>{HOSTILE}</p>"))

    assert "ünï 🔥" in get_bodies(receivers, kind)[0]


@pytest.mark.parametrize("kind", KINDS)
async def test_unreadable_settings_say_what_to_do(receivers: AlertReceivers, kind: ChannelKind) -> None:
    with pytest.raises(DeliveryFailed, match="HEADGATE_PREVIOUS_SECRET") as failed:
        await receivers.build_sender().send(replace(receivers.channels[kind], settings=b"other"), a_message())

    assert failed.value.is_permanent


@pytest.mark.parametrize("kind", [ChannelKind.WEBHOOK, ChannelKind.PAGERDUTY, ChannelKind.EMAIL])
async def test_a_forbidden_address_is_not_reached(receivers: AlertReceivers, kind: ChannelKind) -> None:
    with pytest.raises(DeliveryFailed, match="HEADGATE_HTTP_ALLOW") as failed:
        await receivers.build_sender(allow=()).send(receivers.channels[kind], a_message())

    assert failed.value.is_permanent
    assert (receivers.http.connections, receivers.mail.connections) == (0, 0)


async def test_the_fake_sender_accepts_fails_and_hangs_like_the_real_one(receivers: AlertReceivers) -> None:
    fake, channel = FakeChannelSender(), receivers.channels[ChannelKind.WEBHOOK]

    await fake.send(channel, a_message())
    fake.failures[channel.name] = [DeliveryFailed("It is down.")]
    with pytest.raises(DeliveryFailed, match="down"):
        await fake.send(channel, a_message())
    fake.hanging = {channel.name}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fake.send(channel, a_message())

    assert (len(fake.sent[channel.name]), len(fake.tried[channel.name])) == (1, 3)
