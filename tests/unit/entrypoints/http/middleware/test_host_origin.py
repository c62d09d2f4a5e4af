"""Who may ask, how much, and what every answer carries."""

import logging
from collections.abc import AsyncIterator
from itertools import product

import httpx
import pytest
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.problems import Problem
from tests.support.in_process import InProcessHeadgate
from tests.support.settings import BASE_URL

FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9999"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_page_of_another_origin_cannot_trigger(headgate: InProcessHeadgate, headers: dict[str, str]) -> None:
    await headgate.api.create_pipeline()

    answer = await headgate.client.post("/trigger/flights", headers=headers)

    assert (answer.status_code, answer.json()["problem"]) == (403, "foreign_origin")
    assert (await headgate.client.get("/runs/")).json() == []


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_page_of_another_origin_cannot_open_a_stream(headgate: InProcessHeadgate, headers: dict[str, str]) -> None:
    answer = await headgate.client.get("/events/", headers={"Accept": "text/event-stream", **headers})

    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": BASE_URL}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
async def test_our_own_pages_and_programs_are_allowed(headgate: InProcessHeadgate, headers: dict[str, str]) -> None:
    await headgate.api.create_pipeline()

    assert (await headgate.client.post("/trigger/flights", headers=headers)).status_code == 202


async def test_another_site_may_link_here_but_not_fetch(headgate: InProcessHeadgate) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert (await headgate.client.get("/pipelines/", headers=link)).status_code == 200
    assert (await headgate.client.get("/pipelines/", headers={**link, "Sec-Fetch-Mode": "no-cors"})).status_code == 403


HOSTS = {
    "localhost:8000": True,
    "gate.example": True,
    "evil.example": False,
    "localhost.evil.example:8000": False,
    "127.0.0.1.evil.example": False,
}
ORIGINS = {
    None: True,
    BASE_URL: True,
    "http://gate.example": False,
    "http://evil.example": False,
    "null": False,
    "http://localhost:8001": False,
}
SITES = {None: True, "same-origin": True, "none": True, "same-site": False, "cross-site": False}
KINDS = {
    None: True,
    "application/json": True,
    "application/json; charset=utf-8": True,
    "application/x-www-form-urlencoded": True,
    "text/plain": False,
    "text/plain; x=application/json": False,
    "multipart/form-data; boundary=x": False,
    "application/xml": False,
    "": False,
}


async def test_a_write_needs_a_known_host_our_origin_and_a_known_type(headgate: InProcessHeadgate) -> None:
    """Every host, origin, fetch site and content type with every other: a name that was rebound to us is unknown whatever the rest says."""
    await headgate.api.create_pipeline()
    expected, written = 0, 0
    for (host, knows), (origin, own), (site, near), (kind, taken) in product(HOSTS.items(), ORIGINS.items(), SITES.items(), KINDS.items()):
        given = {"Host": host, "Origin": origin, "Sec-Fetch-Site": site, "Content-Type": kind}
        headers = {name: value for name, value in given.items() if value is not None}
        answer = await headgate.client.post("/trigger/flights", content=b"{}", headers=headers)

        is_own = near if site is not None else own or origin == f"http://{host}"
        status = 421 if not knows else 403 if not is_own else 415 if not taken else 202
        assert answer.status_code == status, (headers, answer.text)
        expected += status == 202
    written = len(headgate.fakes.store.committed.runs)
    assert written == expected > 100


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("GATE.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[::1", 421),
    ],
)
async def test_only_known_host_names_are_served(headgate: InProcessHeadgate, host: str, status: int) -> None:
    assert (await headgate.client.get("/livez", headers={"Host": host})).status_code == status


async def test_a_body_over_1_mib_is_drained_and_refused(headgate: InProcessHeadgate) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(3 * 16):
            read += 1 << 16
            yield b" " * (1 << 16)

    chunked = await headgate.client.post("/pipelines/", content=chunks())
    whole = await headgate.client.post("/status-update/", content=b" " * ((1 << 20) + 1))
    fits = await headgate.client.post("/pipelines/", content=b" " * (1 << 20))

    assert (chunked.status_code, chunked.json()["problem"], read) == (413, "too_large", 3 << 20)
    assert whole.status_code == 413
    assert fits.status_code == 422


async def test_every_response_has_a_request_id_and_security_headers(headgate: InProcessHeadgate) -> None:
    given = await headgate.client.get("/livez", headers={"X-Request-Id": "abc-1"})
    made = await headgate.client.get("/nope", headers={"X-Request-Id": "not good\t"})

    assert given.headers["x-request-id"] == "abc-1"
    assert made.json()["request_id"] == made.headers["x-request-id"] != "not good"
    assert "script-src 'self'" in made.headers["content-security-policy"]
    assert made.headers["x-content-type-options"] == "nosniff"
    assert "'unsafe-inline'" not in given.headers["content-security-policy"]


async def test_an_unexpected_error_reveals_only_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    router = APIRouter()

    @router.get("/broken")
    @requires(READ)
    async def broken() -> None:
        raise RuntimeError("a secret")

    headgate = InProcessHeadgate(extra_routers=[router])
    with caplog.at_level(logging.CRITICAL, "headgate.api"):
        async with headgate.client as client:
            answer = await client.get("/broken")

    assert (answer.status_code, answer.json()["problem"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_browser_gets_an_error_page() -> None:
    def page(request: Request, problem: Problem) -> Response | None:
        return HTMLResponse(f"<h1>{problem.title}</h1>", problem.status) if request.url.path.startswith("/ui/") else None

    headgate = InProcessHeadgate(error_page=page)
    async with headgate.client as client:
        browser = await client.get("/ui/nope", headers={"Accept": "text/html"})
        api = await client.get("/nope", headers={"Accept": "text/html"})
        program = await client.get("/ui/nope")

    assert (browser.status_code, browser.text) == (404, "<h1>Not found</h1>")
    assert api.headers["content-type"] == program.headers["content-type"] == "application/problem+json"


async def test_a_client_that_disconnects_while_sending_gets_no_response(headgate: InProcessHeadgate) -> None:
    sent: list[object] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/pipelines/",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"9")],
    }

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    await headgate.app(scope, receive, send)  # type: ignore[arg-type]

    assert sent == []


async def test_no_response_allows_other_origins(headgate: InProcessHeadgate) -> None:
    answer: httpx.Response = await headgate.client.options("/pipelines/", headers={"Origin": "http://evil.example"})

    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_hsts_is_sent_if_the_public_url_is_https() -> None:
    plain = await InProcessHeadgate().client.get("/livez")
    secure = await InProcessHeadgate(url="https://gate.example").client.get("/livez")
    refused = await InProcessHeadgate(url="https://gate.example").client.get("/nothing-here")

    assert "strict-transport-security" not in plain.headers
    assert secure.headers["strict-transport-security"] == refused.headers["strict-transport-security"] == "max-age=31536000"
