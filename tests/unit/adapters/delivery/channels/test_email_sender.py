"""Mail over real connections: encryption, sign-in, refusals, and servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.delivery.address_finder import AddressFinder, Resolver
from adapters.delivery.channels.email_sender import EmailSender
from application.ports.delivery.channel_sender import DeliveryFailed
from domain.address_policy import AddressForbidden, AddressPolicy
from domain.errors import Unavailable
from tests.support.alert_messages import a_message
from tests.support.certificates import make_certificate
from tests.support.mail_receiver import MailReceiver
from tests.support.outgoing_http import resolving

NAME = "smtp.example.org"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def is_trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


async def send(server_port: int, *, timeout: float = 20.0, resolve: Resolver | None = None, **settings: Any) -> None:
    finder = AddressFinder(
        AddressPolicy((ipaddress.ip_network("127.0.0.0/8"),), frozenset({server_port})),
        resolve=resolve or resolving({NAME: [["127.0.0.1"]], "other.example.org": [["127.0.0.1"]]}),
    )
    standard = {"host": NAME, "port": server_port, "security": "none", "user": "", "password": ""}
    standard |= {"from": "headgate@example.org", "to": ["ops@example.org"]}
    await EmailSender(finder, timeout).send({**standard, **settings}, "team", a_message())


async def fail(port: int, **options: Any) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        await send(port, **options)
    assert "mail-password" not in failed.value.reason
    return failed.value


@contextlib.asynccontextmanager
async def a_scripted_server(*replies: bytes) -> AsyncIterator[int]:
    """Yield the port of a server that sends these bytes, one after each line it gets, and then closes."""
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        with contextlib.suppress(ConnectionError):
            for reply in replies:
                writer.write(reply)
                await writer.drain()
                if not await reader.readline():
                    break
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for writer in open_now:
            writer.transport.abort()
        await asyncio.sleep(0.01)


async def test_starttls_encrypts_before_the_password_is_sent(server_tls: ssl.SSLContext, is_trusted: None) -> None:
    async with MailReceiver(starttls=server_tls, password=("ada", "mail-password")).open() as server:
        await send(server.port, security="starttls", user="ada", password="mail-password")

    (mail,) = server.received
    assert (mail.encrypted, mail.user, mail.sender, mail.recipients) == (True, "ada", "headgate@example.org", ("ops@example.org",))


async def test_tls_from_the_beginning(server_tls: ssl.SSLContext, is_trusted: None) -> None:
    async with MailReceiver(tls=server_tls, password=("ada", "mail-password")).open() as server:
        await send(server.port, security="tls", user="ada", password="mail-password")

    assert [(mail.encrypted, mail.user) for mail in server.received] == [(True, "ada")]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_for_another_name_or_of_an_unknown_authority_is_refused(
    server_tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    async with MailReceiver(**{security: server_tls}).open() as server:
        unknown = await fail(server.port, security=security)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        other = await fail(server.port, security=security, host="other.example.org")

    assert "The certificate of smtp.example.org is not valid: self" in unknown.reason
    assert "The certificate of other.example.org is not valid" in other.reason
    assert server.received == []


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with MailReceiver().open() as server:
        failure = await fail(server.port, security="starttls", user="ada", password="mail-password")

    assert "STARTTLS" in failure.reason
    assert server.received == []


async def test_a_wrong_password_is_permanent() -> None:
    async with MailReceiver(password=("ada", "right")).open() as server:
        failure = await fail(server.port, user="ada", password="mail-password")

    assert failure.reason.startswith("smtp.example.org rejected the user and password: 535")
    assert failure.is_permanent


@pytest.mark.parametrize(
    ("reply", "permanent"), [("451 later", False), ("421 closing", False), ("552 too large", True), ("554 spam", True)]
)
async def test_a_reply_with_5_is_permanent(reply: str, permanent: bool) -> None:
    async with MailReceiver().open() as server:
        server.replies = [reply]
        failure = await fail(server.port)

    assert (failure.is_permanent, server.received) == (permanent, [])
    assert reply in failure.reason


async def test_a_refused_recipient_is_named() -> None:
    async with MailReceiver().open() as server:
        server.refused = {"gone@example.org"}
        partly = await fail(server.port, to=["ops@example.org", "gone@example.org"])
        fully = await fail(server.port, to=["gone@example.org"])

    assert partly.reason == "smtp.example.org rejected gone@example.org: 550 No such user here. The other recipients got the mail."
    assert fully.reason == "smtp.example.org rejected gone@example.org: 550 No such user here."
    assert partly.is_permanent and fully.is_permanent
    assert [mail.recipients for mail in server.received] == [("ops@example.org",)]


async def test_a_server_that_dies_after_data_may_have_the_mail() -> None:
    async with MailReceiver().open() as server:
        server.dies_after_data = True
        failure = await fail(server.port)

    assert "may have arrived" in failure.reason
    assert not failure.is_permanent
    assert len(server.received) == 1


async def test_a_server_that_never_greets_is_left_in_time() -> None:
    async with MailReceiver().open() as server:
        server.greets = False
        failure = await fail(server.port, timeout=0.3)

    assert "within 0.3 seconds" in failure.reason


@pytest.mark.parametrize(
    "replies",
    [
        (),
        (b"",),
        (b"554 go away\r\n",),
        (b"421 busy\r\n",),
        (b"HTTP/1.1 200 OK\r\n\r\n",),
        (b"\xff\xfe\xfd\r\n",),
        (b"220 hi\r\n", b"500 what\r\n", b"500 what\r\n"),
        (b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"999 odd\r\n"),
        (b"220" + b"x" * 100_000 + b"\r\n",),
        (b"220-a\r\n" * 5_000,),
    ],
)
async def test_a_server_that_speaks_badly_is_a_failure_with_a_sentence(replies: tuple[bytes, ...]) -> None:
    async with a_scripted_server(*replies) as port:
        failure = await fail(port, timeout=5.0)

    assert failure.reason.startswith("smtp.example.org ") and failure.reason.endswith(".")
    assert "\n" not in failure.reason and len(failure.reason) < 500


async def test_the_connection_goes_to_the_checked_address() -> None:
    asked: list[str] = []
    async with MailReceiver().open() as server:
        await send(server.port, resolve=resolving({NAME: [["127.0.0.1"], ["169.254.169.254"]]}, asked))
        with pytest.raises(AddressForbidden, match=r"169\.254\.169\.254"):
            await send(server.port, resolve=resolving({NAME: [["169.254.169.254"]]}))
        with pytest.raises(AddressForbidden, match="HEADGATE_HTTP_PORTS"):
            await send(server.port, port=22)

    assert (asked, len(server.received)) == ([NAME], 1)


async def test_the_next_address_is_tried_and_a_refused_connection_is_named() -> None:
    async with MailReceiver().open() as server:
        await send(server.port, resolve=resolving({NAME: [["127.0.0.9", "127.0.0.1"]]}))
        refused = await fail(server.port, resolve=resolving({NAME: [["127.0.0.9"]]}))
        with pytest.raises(Unavailable, match="Could not resolve"):
            await send(server.port, resolve=resolving({}))

    assert refused.reason == "smtp.example.org refused the connection."
    assert len(server.received) == 1
