"""Stages of kind `http` over real sockets: they connect to the checked address; the name goes into certificate check and Host."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.access.actor import Actor
from domain.address_policy import AddressForbidden
from domain.runs.status import Reason, Status
from entrypoints.worker.http_stage.http_request import HttpRequest, RequestFailed
from tests.support.certificates import make_certificate
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.http_stage.tls_server import TlsServer, a_secured, a_stalling_server, resolving
from tests.unit.entrypoints.worker.running_worker import running_worker

NAME = "checked.example"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME, "other.example", "inside.example")


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[TlsServer]:
    with a_secured(*certificate, {"/": (200, {}, b'{"records_processed": 4}'), "/large": (200, {}, b"x" * 5_001)}) as running:
        yield running


@pytest.fixture
def asked() -> list[str]:
    """The names that were resolved."""
    return []


@pytest.fixture
def ask(certificate: tuple[Path, Path], server: TlsServer, asked: list[str]) -> Ask:
    """Send a stage's request to a path of the server. `places` maps names to addresses."""

    def answer(path: str = "/", name: str = NAME, places: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
        resolve = resolving(places or {NAME: [["127.0.0.1"]]}, asked)
        request = {
            "allow": ["127.0.0.1/32"],
            "ports": [server.server_port],
            "headers": {},
            "url": f"https://{name}:{server.server_port}{path}",
            "method": "GET",
            "body": None,
            "ca_file": str(certificate[0]),
            "expected": [200],
            "max_bytes": 5_000,
        }
        return HttpRequest(request | keys, lambda _: None, resolve).send()

    return answer


def test_the_checked_address_is_used_with_the_name_in_host_and_certificate(ask: Ask, server: TlsServer, asked: list[str]) -> None:
    output = ask()

    assert output["records_processed"] == 4
    assert server.names == [NAME]
    assert [host for host, _, _ in server.heard] == [f"{NAME}:{server.server_port}"]
    assert asked == [NAME]


def test_a_resolver_that_changes_its_answer_changes_nothing(ask: Ask, server: TlsServer, asked: list[str]) -> None:
    ask(places={NAME: [["127.0.0.1"], ["169.254.169.254"]]})

    assert (len(server.heard), asked) == (1, [NAME])
    with pytest.raises(AddressForbidden, match=r"169\.254\.169\.254"):
        ask(places={NAME: [["169.254.169.254"], ["127.0.0.1"]]})
    assert len(server.heard) == 1


def test_a_certificate_for_another_name_or_of_an_unknown_authority_is_refused(ask: Ask, server: TlsServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        ask(name="elsewhere.example", places={"elsewhere.example": [["127.0.0.1"]]})
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self.signed"):
        ask(ca_file=None)

    assert server.heard == []


def test_a_redirect_is_resolved_and_checked_again(ask: Ask, server: TlsServer, asked: list[str]) -> None:
    server.answers["/away"] = (302, {"Location": f"https://other.example:{server.server_port}/"}, b"")
    server.answers["/inside"] = (302, {"Location": f"https://inside.example:{server.server_port}/"}, b"")
    places = {NAME: [["127.0.0.1"]], "other.example": [["127.0.0.1"]], "inside.example": [["10.0.0.7"]]}

    ask("/away", places=places, headers={"Authorization": "Bearer x"})
    with pytest.raises(AddressForbidden, match=r"inside\.example has the address 10\.0\.0\.7"):
        ask("/inside", places=places)

    assert server.names == [NAME, "other.example", NAME]
    assert ["Authorization" in headers for _, _, headers in server.heard] == [True, False, False]
    assert asked == [NAME, "other.example", NAME, "inside.example"]


def test_a_redirect_from_https_to_http_is_not_followed(ask: Ask, server: TlsServer) -> None:
    server.answers["/plain"] = (302, {"Location": f"http://{NAME}:{server.server_port}/"}, b"")

    with pytest.raises(AddressForbidden, match="from https to http"):
        ask("/plain")

    assert len(server.heard) == 1


def test_a_response_over_max_bytes_is_refused_and_one_of_max_bytes_accepted(ask: Ask) -> None:
    with pytest.raises(RequestFailed, match="more than 5,000 bytes"):
        ask("/large")

    assert ask("/large", max_bytes=5_001)["status"] == 200


def reaching(port: int) -> dict[str, Any]:
    return {"http_allow": ("127.0.0.1/32",), "http_ports": (port,)}


async def test_a_stage_whose_answer_stops_half_way_is_ended_at_its_limit(web: ServedHeadgate, tmp_path: Path) -> None:
    with a_stalling_server() as (port, happened):
        pipeline = await web.create_pipeline({"name": "ask", "kind": "http", "url": f"http://127.0.0.1:{port}/", "timeout": 1.0})
        async with running_worker(web, tmp_path, grace=0.2, **reaching(port)):
            run = await web.wait_until_over(await web.trigger(pipeline), 30)

        assert happened.begun.is_set()
        assert await asyncio.to_thread(happened.hung_up.wait, 10)
    attempt = run.stages["ask"].current
    assert (attempt.status, attempt.reason) == (Status.FAILED, Reason.TIMEOUT)


async def test_a_stage_whose_answer_stops_half_way_is_cancelled(web: ServedHeadgate, tmp_path: Path) -> None:
    with a_stalling_server() as (port, happened):
        pipeline = await web.create_pipeline({"name": "ask", "kind": "http", "url": f"http://127.0.0.1:{port}/"})
        async with running_worker(web, tmp_path, **reaching(port)):
            run_id = await web.trigger(pipeline)
            await eventually(happened.begun.is_set)
            await web.application.cancel_run()(run_id, Actor("tester"), None)
            run = await web.wait_until_over(run_id, 10)

        assert await asyncio.to_thread(happened.hung_up.wait, 10)
    assert run.status is Status.CANCELLED
