"""Outgoing requests use the environment's proxy. The proxy resolves the names; what is known here is judged here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from application.ports.delivery.outgoing_http import OutgoingRequest
from domain.address_policy import AddressForbidden
from domain.errors import Unavailable
from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.outgoing_http import a_guarded_http, resolving


@pytest.fixture
async def proxy() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().open() as running:
        yield running


async def test_a_name_without_an_address_here_is_left_to_the_proxy(proxy: HttpReceiver) -> None:
    http = a_guarded_http(80, environment={"http_proxy": proxy.url})

    response = await http.send(OutgoingRequest("POST", "http://receiver.example/x", body=b"hi"))

    assert response.status == 200
    assert [(each.target, each.headers["host"], each.body) for each in proxy.received] == [
        ("http://receiver.example/x", "receiver.example", b"hi")
    ]


async def test_a_forbidden_address_is_refused_in_spite_of_a_proxy(proxy: HttpReceiver) -> None:
    inside = resolving({"inside.example": [["10.0.0.7"]]})
    http = a_guarded_http(80, allow=(), environment={"http_proxy": proxy.url}, resolve=inside)

    for url in ("http://169.254.169.254/", "http://inside.example/", "http://[::ffff:10.0.0.1]/", "http://receiver.example:22/"):
        with pytest.raises(AddressForbidden):
            await http.send(OutgoingRequest("GET", url))

    assert proxy.received == []


async def test_a_redirect_that_comes_through_a_proxy_is_judged(proxy: HttpReceiver) -> None:
    proxy.answers = [Answer.redirect("http://169.254.169.254/")]
    http = a_guarded_http(80, allow=(), environment={"http_proxy": proxy.url})

    with pytest.raises(AddressForbidden):
        await http.send(OutgoingRequest("GET", "http://receiver.example/", follow_redirects=True))

    assert len(proxy.received) == 1


async def test_an_exempt_host_is_reached_directly(proxy: HttpReceiver) -> None:
    async with HttpReceiver().open() as receiver:
        places = resolving({"receiver.example": [["127.0.0.1"]]})
        environment = {"http_proxy": proxy.url, "no_proxy": ".example"}
        http = a_guarded_http(receiver.port, environment=environment, resolve=places)

        await http.send(OutgoingRequest("GET", f"http://receiver.example:{receiver.port}/"))

        assert (len(receiver.received), len(proxy.received)) == (1, 0)


@pytest.mark.parametrize("value", ["socks5://user:password@127.0.0.1:9", "http://user:password@proxy:abc", "password://x"])
async def test_a_proxy_that_cannot_be_used_is_named_without_its_value(value: str) -> None:
    http = a_guarded_http(80, environment={"http_proxy": value})

    with pytest.raises(Unavailable, match="http_proxy is ") as failed:
        await http.send(OutgoingRequest("GET", "http://receiver.example/"))

    assert "user:" not in str(failed.value)
