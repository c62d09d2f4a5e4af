"""Outgoing requests over TLS: the certificate is checked for the name, though the connection goes to an address."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from application.ports.delivery.outgoing_http import OutgoingRequest
from domain.address_policy import AddressForbidden
from domain.errors import Unavailable
from tests.support.certificates import make_certificate
from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.outgoing_http import a_guarded_http, resolving

NAME, OTHER = "receiver.example", "other.example"
PLACES = {NAME: [["127.0.0.1"]], OTHER: [["127.0.0.1"]], "third.example": [["127.0.0.1"]]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME, OTHER)


@pytest.fixture
async def receiver(certificate: tuple[Path, Path]) -> AsyncIterator[HttpReceiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with HttpReceiver(context).open() as running:
        yield running


@pytest.fixture
def is_trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


async def test_the_certificate_is_checked_for_the_name(receiver: HttpReceiver, is_trusted: None) -> None:
    http = a_guarded_http(receiver.port, resolve=resolving(PLACES), keeps_connections=True)

    for name in (NAME, OTHER):
        response = await http.send(OutgoingRequest("POST", f"https://{name}:{receiver.port}/", body=b"x"))
        assert response.status == 200
    with pytest.raises(Unavailable, match=r"The certificate of third\.example is not valid: .*third\.example"):
        await http.send(OutgoingRequest("POST", f"https://third.example:{receiver.port}/", body=b"x"))
    await http.close()

    assert [each.headers["host"] for each in receiver.received] == [f"{NAME}:{receiver.port}", f"{OTHER}:{receiver.port}"]


async def test_a_certificate_of_an_unknown_authority_is_refused(receiver: HttpReceiver) -> None:
    with pytest.raises(Unavailable, match=r"The certificate of receiver\.example is not valid: self.signed"):
        await a_guarded_http(receiver.port, resolve=resolving(PLACES)).send(OutgoingRequest("GET", f"https://{NAME}:{receiver.port}/"))

    assert receiver.received == []


async def test_a_receiver_without_tls_is_unavailable(is_trusted: None) -> None:
    async with HttpReceiver().open() as plain:
        with pytest.raises(Unavailable, match="TLS connection to receiver"):
            await a_guarded_http(plain.port, resolve=resolving(PLACES)).send(OutgoingRequest("GET", f"https://{NAME}:{plain.port}/"))


async def test_a_redirect_from_https_to_http_is_refused(receiver: HttpReceiver, is_trusted: None) -> None:
    receiver.answers = [Answer.redirect(f"http://{NAME}:{receiver.port}/")]
    http = a_guarded_http(receiver.port, resolve=resolving(PLACES))

    with pytest.raises(AddressForbidden, match="from https to http"):
        await http.send(OutgoingRequest("GET", f"https://{NAME}:{receiver.port}/", follow_redirects=True))

    assert len(receiver.received) == 1
