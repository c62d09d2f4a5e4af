"""The settings of the environment decide where alerts may go, and with which key they are stored."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from adapters.delivery.alert_channels import build_channel_sender, build_channel_settings, build_outgoing_http
from adapters.system.clock import SystemClock
from application.ports.delivery.channel_sender import DeliveryFailed
from domain.alerts.channel import ChannelKind
from domain.errors import InvalidInput
from entrypoints.settings import Settings
from tests.support.alert_messages import a_message
from tests.support.http_receiver import HttpReceiver
from tests.unit.adapters.delivery.channels.test_encrypted_settings import stored

SECRET = SecretStr("s" * 32)


async def test_a_webhook_reaches_a_receiver_that_the_settings_allow() -> None:
    async with HttpReceiver().open() as receiver:
        settings = Settings(secret=SECRET, http_allow=["127.0.0.1/32"], http_ports=[receiver.port])
        checked = build_channel_settings(settings).check(ChannelKind.WEBHOOK, {"url": receiver.url})
        sender = build_channel_sender(settings, build_outgoing_http(settings), SystemClock())

        await sender.send(stored(checked, ChannelKind.WEBHOOK), a_message())

        assert len(receiver.received) == 1


async def test_a_receiver_is_out_of_reach_by_default() -> None:
    async with HttpReceiver().open() as receiver:
        allowing = Settings(secret=SECRET, http_allow=["127.0.0.1/32"], http_ports=[receiver.port])
        channel = stored(build_channel_settings(allowing).check(ChannelKind.WEBHOOK, {"url": receiver.url}), ChannelKind.WEBHOOK)
        default = Settings(secret=SECRET)

        with pytest.raises(InvalidInput):
            build_channel_settings(default).check(ChannelKind.WEBHOOK, {"url": receiver.url})
        with pytest.raises(DeliveryFailed, match="HEADGATE_HTTP_PORTS"):
            await build_channel_sender(default, build_outgoing_http(default), SystemClock()).send(channel, a_message())

        assert receiver.connections == 0


async def test_another_secret_cannot_read_the_settings_until_it_is_named_as_the_previous_one() -> None:
    url = {"url": "https://hooks.example.com/"}
    channel = stored(build_channel_settings(Settings(secret=SECRET)).check(ChannelKind.WEBHOOK, url), ChannelKind.WEBHOOK)
    new = SecretStr("n" * 32)

    assert build_channel_settings(Settings(secret=new)).reencrypt(channel.settings) is None
    assert build_channel_settings(Settings(secret=new, previous_secret=SECRET)).reencrypt(channel.settings) is not None


def test_webhooks_need_https_where_users_sign_in() -> None:
    with pytest.raises(InvalidInput, match="https://"):
        build_channel_settings(Settings(secret=SECRET, auth="team")).check(ChannelKind.WEBHOOK, {"url": "http://hooks.example.com/"})
