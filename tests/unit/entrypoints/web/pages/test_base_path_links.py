"""Behind a proxy that serves Headgate below a path, no link leaves the path and none is broken."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.routing import compile_path

from application.ports.access.action_tokens import ActionClaims, ActionTokens, LinkAction
from domain.runs.run import Run
from domain.runs.status import Status
from tests.support.example_board import PASSWORD, employ, furnish, revise
from tests.support.in_process import InProcessHeadgate
from tests.support.plain_http import NO_TLS
from tests.support.reverse_proxy import serving_below
from tests.support.run_stories import end, start

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ATTRIBUTE: Final = re.compile(
    r"""(?:href|src|action|formaction|hx-(?:get|post|put|patch|delete)|sse-connect|data-fragment|poster)="([^"#][^"]*)\""""
)
"""Attributes that hold a URL, in pages and in the SVG within them."""
EXTERNAL: Final = ("https://", "http://prefect.example")
START: Final = ("/", "/ui/runs", "/ui/system", "/ui/tokens", "/ui/accounts", "/ui/audit", "/ui/account", "/ui/new", "/ui/waiting", "/docs")
API: Final = (
    "/pipelines/",
    "/pipeline-files/",
    "/ticks/?limit=2",
    "/groups/?limit=1",
    "/incidents/",
    "/silences/",
    "/channels/",
    "/alert-rules/",
    "/backfills/",
    "/runs/",
    "/runs/?limit=2",
    "/waiting/",
    "/prefect/deployments",
    "/audit/?limit=1",
    "/tokens/",
    "/accounts/",
    "/openapi.json",
    "/schemas/pipeline.json",
)
UNLINKED: Final = (
    "/livez",
    "/readyz",
    "/events/",
    "/favicon.ico",
    "/pipelines/exports/schedules",
    "/pipelines/flights/expectations",
    "/pipelines/exports/schedules/nightly/next",
    "/pipelines/exports/why",
    "/pipelines/flights/history",
    "/pipelines/flights/failures",
    "/runs/{run}/compare/{run}",
    "/ui/runs/{run}/stages/illustrate",
    "/ui/prefect/flow-runs/0b0f8d1e-6c0e-4b0c-9b43-3a9d1f6f2f10",
    "/ui/pipelines/exports/deployments",
    "/prefect/deployments",
    "/ui/sign-in",
    "/ui/sign-in/provider",
    "/ui/tokens/1/heard",
    "/ui/incidents/1/acknowledge",
    "/ui/links/{link}",
    "/incidents/1",
    "/silences/1",
    "/channels/mail",
    "/alert-rules/oncall",
)
"""Paths to which no page links, and pages that depend on the state of a run."""


class Walk:
    """Follows every link from some first pages. `visited` are the URLs asked for, `problems` what is wrong with them."""

    def __init__(self, client: httpx.Client, root: str) -> None:
        self.client, self.root = client, root
        self.visited: dict[str, int] = {}
        self.problems: list[str] = []
        self._waiting: list[tuple[str, str]] = []

    def follow(self, *paths: str) -> None:
        """Ask for the paths below the root, and for everything that they link to."""
        self._waiting += [(self.root + path, "start") for path in paths]
        while self._waiting:
            url, source = self._waiting.pop()
            if _get_key(url) not in self.visited:
                self._visit(url, source)

    def _visit(self, url: str, source: str) -> None:
        self.visited[_get_key(url)] = 0
        if not url.startswith(f"{self.root}/") and url.rstrip("/") != self.root:
            self.problems.append(f"{source} leaves the path: {url}")
            return
        with self.client.stream("GET", url, headers={"Accept": _get_accept(url, self.root)}) as answer:
            self.visited[_get_key(url)] = answer.status_code
            # A form's target and a link of the API may take POST only.
            if answer.status_code not in (200, 204, 303, 405):
                self.problems.append(f"{source} leads to {answer.status_code}: {url}")
            self._collect(url, answer)

    def _collect(self, url: str, answer: httpx.Response) -> None:
        for name in ("location", "link"):
            for found in re.findall("<([^>]+)>", answer.headers.get(name, "")) or [answer.headers.get(name)]:
                self._add(url, found)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind == "text/event-stream":
            return
        text = answer.read().decode(errors="replace")
        if kind == "text/html":
            for found in ATTRIBUTE.findall(text):
                self._add(url, html.unescape(found))
        elif kind == "application/json":
            for found in _find_links(json.loads(text)):
                self._add(url, found)
        elif kind == "text/javascript" and "/docs/start.js" in url:
            for found in re.findall(r'url: "([^"]+)"', text):
                self._add(url, found)

    def _add(self, source: str, target: str | None) -> None:
        if target and not target.startswith(EXTERNAL):
            self._waiting.append((urljoin(source, target).partition("#")[0], source))


def _get_accept(url: str, root: str) -> str:
    path = url.removeprefix(root)
    return "text/event-stream" if "/live/" in path else "text/html" if path.startswith(("/ui", "/?")) or path == "/" else "application/json"


def _get_key(url: str) -> str:
    """Return the URL with its ids replaced, so that one of many pages of a kind is visited; queries count by their names."""
    parts = urlsplit(url)
    names = "&".join(sorted({pair.partition("=")[0] for pair in parts.query.split("&")}))
    return f"{parts.netloc}{re.sub('/[0-9]+(?=/|$)', '/1', parts.path)}?{names}"


def _find_links(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for item in document:
            yield from _find_links(item)
    elif isinstance(document, dict) and "openapi" in document:
        yield from (server["url"] for server in document["servers"])
    elif isinstance(document, dict):
        for name, value in document.items():
            if name == "links":
                yield from value.values()
            else:
                yield from _find_links(value)


@pytest.mark.parametrize("removes_path", [False, True], ids=["passes the path on", "removes the path"])
@pytest.mark.parametrize("path", ["/headgate", "/ops/a.b_c~1/headgate-2"])
def test_no_link_leaves_the_path_and_none_is_broken(path: str, removes_path: bool) -> None:
    with serving_below(path, removes_path=removes_path, auth="team", prefect_ui_url="http://prefect.example") as (proxy, served):
        served.do(furnish(served.headgate))
        served.do(revise(served.headgate))
        for name in ("warehouse", "mail"):
            limits = [{"group": name, "limit": 1}]
            served.do(served.headgate.use_cases.create_pipeline(1, name=f"uses-{name}", concurrency=limits))
        served.do(employ(served.headgate))
        run, link = served.do(_report_outputs(served.headgate)), _issue_link(served.headgate)
        with httpx.Client(timeout=60, verify=NO_TLS) as client:
            refused = client.get(f"{proxy.url}/ui/runs?status=failed", headers={"Accept": "text/html"})
            assert refused.headers["location"] == f"{path}/ui/sign-in?next=%2Fui%2Fruns%3Fstatus%3Dfailed"
            form = {"name": "ada", "password": PASSWORD, "next": "/ui/runs?status=failed"}
            signed_in = client.post(f"{proxy.url}/ui/sign-in", data=form)
            assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"{path}/ui/runs?status=failed")
            cookie = signed_in.headers["set-cookie"]
            client.headers["Cookie"] = cookie.partition(";")[0]
            walk = Walk(client, proxy.url)
            walk.follow(*START, *API, "", *(path.format(run=run, link=link) for path in UNLINKED))

    assert cookie.startswith("__Secure-headgate=")
    assert f"; Path={path}; " in cookie
    assert "; Secure" in cookie
    assert not walk.problems, "\n".join(walk.problems)
    assert proxy.outside == []
    assert _find_unvisited(served.headgate, walk) == {"/ui/sign-in/back"}


async def _report_outputs(headgate: InProcessHeadgate) -> int:
    """Return a run whose stage has reported links to pages of Headgate, with and without the path, and images."""

    def report(run: Run) -> None:
        links = {"Last run": "/ui/runs/1", "Board": "/"}
        images = [{"title": "a pixel", "data": PIXEL}, {"title": "the icon", "url": "/favicon.ico"}]
        run.stages["illustrate"].current.output = {"links": links, "images": images}

    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("release", ["illustrate"]))
    now = headgate.fakes.clock.now()
    await headgate.stories.change_run(run_id, lambda run: start(run, now), report, end("illustrate", Status.COMPLETED, now))
    return run_id


def _issue_link(headgate: InProcessHeadgate) -> str:
    """Return the token of a link in the message of the first delivery."""
    tokens: ActionTokens = headgate.application.adapters.action_tokens()
    return tokens.issue(ActionClaims(LinkAction.ACKNOWLEDGE, 1, headgate.fakes.clock.now()))


def _find_unvisited(headgate: InProcessHeadgate, walk: Walk) -> set[str]:
    """Return the paths of the GET routes that the walk has not asked for."""
    base_path = urlsplit(walk.root).path
    visited = [urlsplit(f"http://{key}").path.removeprefix(base_path) for key in walk.visited]
    paths = {path for method, path in headgate.app.state.routes.rules if method == "GET" and not path.startswith("/worker/")}
    return {path for path in paths if not any(compile_path(path)[0].match(each) for each in visited)}
