"""Requests below the path of HEADGATE_URL, from both kinds of proxies."""

import re
from typing import Any

import httpx
import pytest

from entrypoints.http.base_path import get_base_path, link, link_own
from entrypoints.http.middleware.base_url_path import BaseUrlPath
from tests.support.in_process import InProcessHeadgate

BASE = "/ops/headgate"


def a_headgate(**settings: Any) -> InProcessHeadgate:
    return InProcessHeadgate(url=f"http://localhost:8000{BASE}", **settings)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (BASE, f"{BASE}/"),
        (f"{BASE}/", f"{BASE}/"),
        (f"{BASE}/runs/7", f"{BASE}/runs/7"),
        ("/", f"{BASE}/"),
        ("/runs/7", f"{BASE}/runs/7"),
        (f"{BASE}s/runs/7", f"{BASE}{BASE}s/runs/7"),
        (f"{BASE}{BASE}/runs/7", f"{BASE}{BASE}/runs/7"),
        ("//runs/7", f"{BASE}//runs/7"),
        ("/ops", f"{BASE}/ops"),
    ],
)
async def test_the_path_is_completed_once(sent: str, expected: str) -> None:
    seen: list[tuple[str, str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["root_path"], scope["path"], get_base_path()))

    await BaseUrlPath(app, base_path=BASE)({"type": "http", "path": sent, "root_path": ""}, None, None)  # type: ignore[arg-type]

    assert seen == [(BASE, expected, BASE)]
    assert get_base_path() == ""


@pytest.mark.parametrize("auth", ["none", "team"])
async def test_the_scope_of_the_server_is_not_changed(auth: str) -> None:
    headgate, changed = a_headgate(auth=auth), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        before = {**scope, "headers": list(scope["headers"])}
        await headgate.app(scope, receive, send)
        changed.append({name for name in before if before[name] != scope[name]})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000") as client:
        for path in ("/", BASE, f"{BASE}/pipelines", "/pipelines/", f"{BASE}/ui/runs/", "/nothing"):
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                await client.request(method, path)

    assert changed == [set()] * len(changed)
    assert len(changed) == 24


@pytest.mark.parametrize("path", ["/pipelines/", "/pipelines", "/runs/1", "/ui/runs/1", "/livez", "/", "/docs", "/static/x/ui.js"])
async def test_both_kinds_of_proxies_get_the_same_answer(path: str) -> None:
    async with a_headgate() as headgate:
        await headgate.start_change_feed()
        await headgate.api.create_pipeline()
        await headgate.api.trigger()
        passed_on = await headgate.client.get(BASE + path)
        removed = await headgate.client.get(path)

    assert passed_on.status_code == removed.status_code == 200
    assert passed_on.content == removed.content


@pytest.mark.parametrize(
    "path", [f"{BASE}s", f"{BASE}{BASE}/livez", "/ops", "/ops/", "/other/livez", f"{BASE}//livez", f"{BASE}/%2e%2e/livez"]
)
async def test_other_paths_are_404(path: str) -> None:
    async with a_headgate() as headgate:
        answer = await headgate.client.get(path)

    assert answer.status_code == 404


async def test_answers_of_the_api_name_paths_below_the_base_path() -> None:
    async with a_headgate() as headgate:
        await headgate.start_change_feed()
        created = await headgate.client.post("/pipelines/", json={"name": "flights", "stages": [{"name": "load", "kind": "external"}]})
        triggered = await headgate.client.post(f"{BASE}/trigger/flights")
        await headgate.client.post("/trigger/flights")
        listed = await headgate.client.get("/runs/?limit=1")
        waiting = await headgate.client.get("/waiting/")
        document = (await headgate.client.get("/openapi.json")).json()

    assert created.headers["location"] == f"{BASE}/pipelines/1"
    assert triggered.headers["location"] == f"{BASE}/runs/1"
    assert f"<{BASE}/runs/?limit=1&cursor=" in listed.headers["link"]
    links = [*created.json()["links"].values(), *triggered.json()["links"].values(), *listed.json()[0]["links"].values()]
    links += [link for stage in waiting.json() for link in stage["links"].values()]
    assert [each for each in links if not each.startswith(f"{BASE}/")] == []
    assert document["servers"] == [{"url": BASE}]
    assert document["components"]["securitySchemes"]["session"]["name"] == "__Secure-headgate"


@pytest.mark.parametrize(
    ("url", "host", "used"),
    [
        (f"http://localhost:8000{BASE}", "localhost:8000", f"http://localhost:8000{BASE}"),
        (f"https://ops.example.com{BASE}", "ops.example.com", f"https://ops.example.com{BASE}"),
        (f"https://ops.example.com{BASE}", "localhost:8000", f"http://localhost:8000{BASE}"),
        ("https://ops.example.com", "ops.example.com", "https://ops.example.com"),
        ("http://localhost:8000", "localhost:8000", "http://localhost:8000"),
    ],
)
async def test_commands_on_pages_name_the_url_that_the_client_used(url: str, host: str, used: str) -> None:
    async with InProcessHeadgate(url=url) as headgate:
        page = await headgate.client.get("/ui/new", headers={"Accept": "text/html", "Host": host})

    assert set(re.findall(r"curl -fsS (\S+)/(?:pipelines|status-update)/", page.text)) == {used}


async def test_without_a_base_path_links_are_as_before() -> None:
    async with InProcessHeadgate() as headgate:
        created = await headgate.client.post("/pipelines/", json={"name": "flights", "stages": [{"name": "load", "kind": "external"}]})
        document = (await headgate.client.get("/openapi.json")).json()

    assert created.headers["location"] == "/pipelines/1"
    assert document["servers"] == [{"url": "/"}]
    assert link("/runs/1") == link_own("/runs/1") == "/runs/1"
