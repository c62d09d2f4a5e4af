"""Event sinks reach the host that the operator set, and no other."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from adapters.delivery.json_sender import JsonSender
from domain.errors import Unavailable
from tests.support.http_receiver import CLOSE, Answer, HttpReceiver


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().open() as running:
        yield running


async def post(url: str, **headers: str) -> str | None:
    sender = JsonSender("Lineage", url, "/api", headers, timeout=60.0)
    try:
        return await sender.post({"ä": 1})
    finally:
        await sender.close()


async def test_the_operators_own_host_and_port_are_allowed(receiver: HttpReceiver) -> None:
    assert await post(receiver.url, Authorization="Bearer key") is None

    (got,) = receiver.received
    assert (got.target, got.body, got.headers["content-type"]) == ("/api", '{"ä":1}'.encode(), "application/json")
    assert got.headers["authorization"] == "Bearer key"


async def test_a_user_and_password_in_the_url_become_a_header(receiver: HttpReceiver) -> None:
    assert await post(receiver.url.replace("://", "://ada:p%40ss@")) is None

    assert receiver.received[0].headers["authorization"] == "Basic " + base64.b64encode(b"ada:p@ss").decode()
    assert receiver.received[0].headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("answer", [Answer(500), Answer(429), Answer.redirect("http://169.254.169.254/"), CLOSE])
async def test_what_may_be_temporary_is_tried_again_later(receiver: HttpReceiver, answer: Answer) -> None:
    receiver.answers = [answer]

    with pytest.raises(Unavailable, match="Lineage"):
        await post(receiver.url)

    assert len(receiver.received) == 1


async def test_a_rejected_body_is_not_sent_again(receiver: HttpReceiver) -> None:
    receiver.answers = [Answer(422, body=b"no\nsuch field")]

    assert await post(receiver.url) == "Lineage responded with 422: no such field"


@pytest.mark.parametrize("url", ["http://127.0.0.1:abc", "marquez:5000", "", "http://", "http://[::1", "http://x:99999"])
async def test_a_url_that_is_none_is_reported_when_it_is_used(url: str) -> None:
    with pytest.raises(Unavailable, match="Lineage does not respond: The URL must begin with http:// or https:// and have a host"):
        await post(url)
