"""Outgoing requests reach checked addresses only, and end in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from application.ports.delivery.outgoing_http import OutgoingRequest, OutgoingResponse
from domain.address_policy import AddressForbidden
from domain.errors import Unavailable
from tests.support.http_receiver import BREAK, CLOSE, DRIP, FLOOD, HANG, Answer, HttpReceiver
from tests.support.outgoing_http import a_guarded_http, hanging_resolver, resolving

NAME = "receiver.example"
SECRET_PATH = "/services/T000/B000/secret"
FORBIDDEN = [
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
]


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().open() as running:
        yield running


async def send(receiver: HttpReceiver, path: str = SECRET_PATH, host: str = "127.0.0.1", **options: Any) -> OutgoingResponse:
    """Post to the receiver. Options are those of the request and of a_guarded_http."""
    mine = {key: options.pop(key) for key in ("method", "headers", "body", "timeout", "max_bytes", "follow_redirects") if key in options}
    http = a_guarded_http(receiver.port, **options)
    request = OutgoingRequest(
        mine.pop("method", "POST"), f"http://{host}:{receiver.port}{path}", **{"body": b"{}", "timeout": 20.0, **mine}
    )
    return await http.send(request)


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_a_forbidden_address_is_refused_as_text_and_behind_a_name(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    http = a_guarded_http(80, allow=(), resolve=resolving({NAME: [["93.184.215.14", address]], host: [[address]]}))

    for url in (f"http://{host}/", f"http://{NAME}/"):
        with pytest.raises(AddressForbidden):
            await http.send(OutgoingRequest("POST", url))


async def test_an_address_in_another_notation_is_judged_by_what_it_means() -> None:
    notations = ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"]
    http = a_guarded_http(80, allow=(), resolve=resolving({each: [["169.254.169.254"]] for each in notations}))

    for notation in notations:
        with pytest.raises(AddressForbidden, match=r"169\.254\.169\.254"):
            await http.send(OutgoingRequest("GET", f"http://{notation}/"))


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "/path", "", "http:///x", "http://[::1/", "http://x:99999/", "file:///etc/passwd", "//x"]
)
async def test_what_is_not_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(AddressForbidden):
        await a_guarded_http(80).send(OutgoingRequest("GET", url))


ODD_HOSTS = [
    "xn--zz-",
    "xn--",
    "-a-",
    "a..b",
    "a_b",
    "a" * 64 + ".example",
    "1.2.3.4.5",
    "0x7f.1",
    "a%20b",
    "%31",
    "[::1%25lo]",
    "a,b",
    "a;b",
    "\xfc.example",
]


@pytest.mark.parametrize("host", ODD_HOSTS)
async def test_an_odd_host_is_reached_or_refused_with_a_sentence(receiver: HttpReceiver, host: str) -> None:
    try:
        response = await send(receiver, host=host, resolve=lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", receiver.port))])
    except (AddressForbidden, Unavailable) as refused:
        assert str(refused).endswith(".")
        return

    assert (response.status, len(receiver.received)) == (200, 1)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X": "\xfc"}, {"X": "\u20ac"}, {"": "x"}, {"a b": "x"}, {"X": "\0"}])
async def test_an_odd_header_is_sent_or_refused_with_a_sentence(receiver: HttpReceiver, headers: dict[str, str]) -> None:
    try:
        await send(receiver, headers=headers)
    except (AddressForbidden, Unavailable) as refused:
        assert str(refused).endswith(".")

    assert all("y" not in each.headers for each in receiver.received)


async def test_a_port_that_is_not_allowed_is_refused(receiver: HttpReceiver) -> None:
    with pytest.raises(AddressForbidden, match="HEADGATE_HTTP_PORTS"):
        await a_guarded_http(80).send(OutgoingRequest("GET", receiver.url))


async def test_the_checked_address_is_used_with_the_name_in_the_host_header(receiver: HttpReceiver) -> None:
    asked: list[str] = []
    response = await send(receiver, host=NAME, resolve=resolving({NAME: [["127.0.0.1"]]}, asked), headers={"X-A": "b"}, body=b"hi")

    assert (response.status, response.body, asked) == (200, b"ok", [NAME])
    (got,) = receiver.received
    assert (got.method, got.target, got.body) == ("POST", SECRET_PATH, b"hi")
    assert (got.headers["host"], got.headers["x-a"]) == (f"{NAME}:{receiver.port}", "b")


async def test_a_resolver_that_changes_its_answer_changes_nothing(receiver: HttpReceiver) -> None:
    asked: list[str] = []
    await send(receiver, host=NAME, resolve=resolving({NAME: [["127.0.0.1"], ["169.254.169.254"]]}, asked))

    assert asked == [NAME]
    with pytest.raises(AddressForbidden, match=r"169\.254\.169\.254"):
        await send(receiver, host=NAME, resolve=resolving({NAME: [["169.254.169.254"], ["127.0.0.1"]]}))
    assert len(receiver.received) == 1


async def test_the_next_address_is_tried_if_one_refuses(receiver: HttpReceiver) -> None:
    response = await send(receiver, host=NAME, resolve=resolving({NAME: [["127.0.0.9", "127.0.0.1"]]}), allow=("127.0.0.0/8",))

    assert response.status == 200
    assert len(receiver.received) == 1


async def test_a_redirect_is_not_followed_unless_wanted(receiver: HttpReceiver) -> None:
    receiver.answers = [Answer.redirect("http://169.254.169.254/latest/meta-data/")]

    response = await send(receiver)

    assert (response.status, response.headers["location"]) == (302, "http://169.254.169.254/latest/meta-data/")


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "//169.254.169.254/",
        "http://inside.example/",
        "http://user:password@example.com/",
        "ftp://example.com/",
        "http://[::ffff:169.254.169.254]/",
        "http://a\\b/",
        "http://x:99999999/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_forbidden_address_is_refused(receiver: HttpReceiver, location: str, status: int) -> None:
    receiver.answers = [Answer.redirect(location, status)]

    with pytest.raises(AddressForbidden):
        await send(receiver, method="GET", body=b"", follow_redirects=True, resolve=resolving({"inside.example": [["10.0.0.7"]]}))

    assert len(receiver.received) == 1


async def test_a_redirect_drops_secret_headers_for_another_origin(receiver: HttpReceiver) -> None:
    receiver.answers = [Answer.redirect(f"http://other.example:{receiver.port}/there")]
    places = resolving({NAME: [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})

    await send(receiver, host=NAME, resolve=places, method="GET", body=b"", headers={"Authorization": "x"}, follow_redirects=True)

    assert [("authorization" in each.headers, each.headers["host"]) for each in receiver.received] == [
        (True, f"{NAME}:{receiver.port}"),
        (False, f"other.example:{receiver.port}"),
    ]


async def test_redirects_without_an_end_are_refused(receiver: HttpReceiver) -> None:
    receiver.default = Answer.redirect("/again")

    with pytest.raises(AddressForbidden, match="more than 5 times"):
        await send(receiver, method="GET", body=b"", follow_redirects=True)

    assert len(receiver.received) == 6


@pytest.mark.parametrize("answer", [HANG, DRIP], ids=["hangs", "drips"])
async def test_a_receiver_that_takes_too_long_is_left(receiver: HttpReceiver, answer: Answer) -> None:
    receiver.answers = [answer]

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 sent no complete response within 0\.3 seconds"):
        await send(receiver, timeout=0.3)


async def test_a_name_lookup_that_hangs_ends_in_time(receiver: HttpReceiver) -> None:
    with pytest.raises(Unavailable, match=r"within 0\.2 seconds"):
        await send(receiver, host=NAME, timeout=0.2, resolve=hanging_resolver(3.0))


async def test_a_body_without_an_end_is_cut(receiver: HttpReceiver) -> None:
    receiver.answers = [FLOOD]

    response = await send(receiver, max_bytes=100_000)

    assert (response.status, len(response.body)) == (200, 100_000)


@pytest.mark.parametrize("answer", [CLOSE, BREAK], ids=["at once", "half way"])
async def test_a_receiver_that_closes_early_is_unavailable(receiver: HttpReceiver, answer: Answer) -> None:
    receiver.answers = [answer]

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 closed the connection") as failed:
        await send(receiver)

    assert "secret" not in str(failed.value)


async def test_an_unknown_name_and_a_refused_connection_are_unavailable(receiver: HttpReceiver) -> None:
    with pytest.raises(Unavailable, match=r"Could not resolve nowhere\.example"):
        await send(receiver, host="nowhere.example")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.9 refused the connection"):
        await send(receiver, host="127.0.0.9", allow=("127.0.0.0/8",))


async def test_connections_are_used_again_only_if_wanted(receiver: HttpReceiver) -> None:
    for keeps_connections, expected in ((True, 1), (False, 3)):
        receiver.connections = 0
        http = a_guarded_http(receiver.port, keeps_connections=keeps_connections)
        for _ in range(3):
            await http.send(OutgoingRequest("POST", receiver.url, body=b"x"))
        await http.close()

        assert receiver.connections == expected


async def test_requests_that_hang_do_not_delay_others(receiver: HttpReceiver) -> None:
    receiver.answers = [HANG] * 20
    hanging = [asyncio.create_task(send(receiver, timeout=30.0)) for _ in range(20)]
    await receiver.wait_for(20)

    assert (await send(receiver)).status == 200

    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
