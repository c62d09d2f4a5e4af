"""Only known hosts are served, and browsers may write only from Headgate's own pages."""

from itertools import product

import pytest

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
CONTENT_TYPES = {
    None: True,
    "application/json": True,
    "application/json; charset=utf-8": True,
    "APPLICATION/JSON;charset=UTF-8": True,
    "text/json": True,
    "application/vnd.api+json": True,
    "Application/CloudEvents+JSON; charset=utf-8": True,
    "application/x-www-form-urlencoded": True,
    "text/plain": False,
    "text/plain; x=application/json": False,
    "multipart/form-data; boundary=x": False,
    "application/xml": False,
    "application/yaml": False,
    "application/json-seq": False,
    "application/+json": False,
    "text/plain+json": False,
    "multipart/x+json": False,
    "application/x+json+xml": False,
    "": False,
}


async def test_a_write_needs_a_known_host_our_origin_and_a_known_type(headgate: InProcessHeadgate) -> None:
    """Test every combination: a rebound host name is unknown, whatever the other headers are."""
    await headgate.api.create_pipeline()
    accepted = 0
    for (host, is_known), (origin, is_ours), (site, is_same_site), (content_type, is_allowed) in product(
        HOSTS.items(), ORIGINS.items(), SITES.items(), CONTENT_TYPES.items()
    ):
        candidates = {"Host": host, "Origin": origin, "Sec-Fetch-Site": site, "Content-Type": content_type}
        headers = {name: value for name, value in candidates.items() if value is not None}
        answer = await headgate.client.post("/trigger/flights", content=b"{}", headers=headers)

        is_own = is_same_site if site is not None else is_ours or origin == f"http://{host}"
        status = 421 if not is_known else 403 if not is_own else 415 if not is_allowed else 202
        assert answer.status_code == status, (headers, answer.text)
        accepted += status == 202
    assert len(headgate.fakes.store.committed.runs) == accepted > 100


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
    assert (await headgate.client.get("/pipelines/", headers={"Host": host})).status_code == status


@pytest.mark.parametrize(("host", "status"), [("192.0.2.7:8000", 200), ("headgate.example", 200), ("127.0.0.1", 200), ("0.0.0.0", 421)])
async def test_the_address_it_listens_on_is_a_known_host(host: str, status: int) -> None:
    headgate = InProcessHeadgate(host="192.0.2.7", url="https://headgate.example")

    assert (await headgate.client.get("/pipelines/", headers={"Host": host})).status_code == status
