"""Numbers at the borders of 32, 53 and 64 bits, in every place of every route where a client can write a number."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from adapters.identity.hmac_tokens import HmacTokens
from adapters.persistence.embedded.server import EmbeddedPostgres
from entrypoints.api import routers as api
from entrypoints.api.alert_rules.models import ChangeAlertRuleRequest, NewAlertRuleRequest
from entrypoints.api.backfills.models import NewBackfillRequest
from entrypoints.api.channels.models import ChangeChannelRequest, NewChannelRequest
from entrypoints.api.incidents.models import SnoozeRequest
from entrypoints.api.pipelines.models import PipelineDefinitionRequest
from entrypoints.api.reports.models import StatusUpdateBatchRequest, StatusUpdateRequest
from entrypoints.api.schedules.preview_models import PreviewRequest
from entrypoints.api.silences.models import NewSilenceRequest
from entrypoints.api.workers.requests import AdvanceRequest
from entrypoints.web import router as pages
from entrypoints.worker_protocol.messages import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.support.plain_http import NO_TLS
from tests.support.probe_client import ProbeClient
from tests.support.web_process import WebProcess, a_web

VALUES: Final = (2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -1, -(2**63) - 1)
SECRET: Final = "a secret of this test, which is long enough"
FILLED: Final = {"pipeline_id": "p", "ref": "p", "stage": "b", "name": "ada", "digest": "0", "rest": "1"}
"""Values of path parameters; every other one is 1."""
PLAIN_BODIES: Final = {
    "/status-update/": StatusUpdateRequest,
    "/status-update/batch": StatusUpdateBatchRequest,
    "/worker/dispatches/{run_id}/{epoch}/advance": AdvanceRequest,
}
READ_BY_HAND: Final = {
    "/ui/runs": ("above", "below", "pipeline"),
    "/ui/live/runs": ("above", "below", "pipeline"),
    "/ui/runs/{run_id}": ("attempt", "line", "before", "after"),
    "/ui/live/runs/{run_id}": ("attempt", "line", "before", "after"),
    "/ui/runs/{run_id}/lines": ("attempt", "line", "before", "after"),
    "/ui/runs/{run_id}/log.txt": ("attempt", "line", "before", "after"),
    "/ui/runs/{run_id}/compare": ("with",),
}
"""Query parameters that handlers read from the request."""
REQUIRED_QUERY: Final = {
    "/worker/stream": {"worker_id": "w", "name": "w", "pool": "headgate", "slots": "1"},
    "/ui/waiting": {"run": "1", "stage": "b"},
    "/ui/runs/{run_id}": {"stage": "a"},
    "/ui/runs/{run_id}/lines": {"stage": "a"},
    "/ui/live/runs/{run_id}": {"stage": "a"},
    "/ui/runs/{run_id}/log.txt": {"stage": "a"},
}
TEXTS: Final = {
    "stage": "a",
    "stage_name": "a",
    "pipeline": "p",
    "pipeline_id": "p",
    "scopes": "read",
    "scope": "read",
    "password": "four words of mine",
    "expires_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    "role": "viewer",
}
"""Example texts of fields whose name says what they must be."""
DEFINITION: Final = {
    "name": "q",
    "parallelism": 1,
    "concurrency": [{"limit": 1}],
    "priority": 1,
    "parameters": {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "exclusiveMinimum": 0, "multipleOf": 1, "default": 1, "enum": [1]},
            "t": {"type": "string", "minLength": 1, "maxLength": 9},
            "l": {"type": "array", "minItems": 1, "maxItems": 9},
        },
        "maxProperties": 9,
    },
    "stages": [
        {"name": "c", "command": ["true"], "timeout": 1, "retries": 1, "retry_delay": 1},
        {
            "name": "h",
            "kind": "http",
            "url": "http://x.example:80/",
            "expected": [200],
            "max_bytes": 1,
            "query": {"n": 1},
            "body": {"n": 1},
        },
        {"name": "p", "deployment": "ml/train", "parameters": {"n": 1, "l": [1]}, "timeout": 1, "retries": 1, "retry_delay": 1},
        {"name": "e", "kind": "external", "timeout": 1},
        {
            "name": "a",
            "kind": "approval",
            "timeout": 1,
            "fields": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 1}}},
        },
    ],
    "schedules": [{"name": "s", "every": 31_536_000, "offset": 1, "jitter": 1, "catch_up_window": 1, "parameters": {"n": 1}}],
}
PREVIEW: Final = {"every": 60, "offset": 1, "jitter": 1, "count": 1, "after": "2126-11-23T09:00:00Z"}
BACKFILL: Final = {"pipeline": "p", "cron": "0 3 * * *", "from": "2026-11-01", "to": "2026-11-02", "parallel": 1, "parameters": {"n": 1}}
RULE: Final = {
    "on": ["failed", "late"],
    "after": 1,
    "to": ["ops", {"channel": "ops-mail", "after": 60}],
    "remind": 3600,
    "recovery": True,
    "quiet": {"timezone": "Europe/Berlin", "from": "22:00", "to": "07:00", "except": ["ops"]},
    "tags": ["warehouse"],
}
MAIL: Final = {"host": "mail.example.org", "port": 587, "security": "starttls", "from": "a@example.org", "to": ["b@example.org"]}
BODIES: Final[Mapping[Any, Any]] = {
    PipelineDefinitionRequest: DEFINITION,
    PreviewRequest: PREVIEW,
    NewBackfillRequest: BACKFILL,
    NewAlertRuleRequest: {**RULE, "name": "critical"},
    ChangeAlertRuleRequest: RULE,
    NewChannelRequest: {"name": "new", "kind": "email", "settings": MAIL, "fallback": "ops", "drill": False},
    ChangeChannelRequest: {"kind": "email", "settings": MAIL, "fallback": "ops", "drill": False, "disabled": False},
    NewSilenceRequest: {"pipeline": "p", "for": 3600, "reason": "new disks"},
    SnoozeRequest: {"for": 3600},
}
"""Bodies of models whose schema does not say all."""
ALSO_STREAMS: Final = ("/runs/{id}/events", "/runs/{id}/logs")
"""Routes that answer with JSON or with a stream."""
CURSORS: Final = (">{}", "<{}")
FEED_CURSORS: Final = ("1:{0}:", "{0}:{0}:", "1:9:{0}", "1:5:~1:{0}:~1.1", "1:5:~1:5:~{0}.1", "1:5:~1:5:~1.{0}")
"""Positions in lists and in the feed; a number takes the place of the braces."""
ROUTES: Final[Sequence[Route]] = [
    route
    for route in (*api.PLAIN_ROUTES, *(route for router in (*api.ROUTERS, *pages.ROUTERS) for route in router.routes))
    if isinstance(route, Route)
]


@dataclass(frozen=True)
class Probe:
    """A request with a number in one place, or a request without one (`place` is empty)."""

    method: str
    url: str
    place: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return (
            f"{self.method} {self.url} {self.place} {dict(self.query)} {json.dumps(self.body)[:300] if self.body else ''}{self.form or ''}"
        )

    @property
    def is_stream(self) -> bool:
        return "/live/" in self.url or self.url in ("/events/", "/worker/stream") or "text/event-stream" in self.headers.get("Accept", "")


class FormParser(HTMLParser):
    """Collects the posted forms of a page: each with its action and the values of its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._is_open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_open = values.get("method", "").lower() == "post"
            if self._is_open:
                self.forms.append((values.get("action", ""), {}))
        elif self._is_open and tag in ("input", "select", "textarea", "button") and "name" in values:
            self.forms[-1][1].setdefault(values["name"], values.get("value") or TEXTS.get(values["name"], "1"))


def fill(path: str, **replaced: str) -> str:
    """Return the path with its parameters filled in. Pages that stream take no names of pipelines."""
    named = {} if "/live/" in path else FILLED
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: replaced.get(found[1], named.get(found[1], "1")), path)


def get_body_model(route: Route) -> Any:
    """Return the model of the route's JSON body; None if it has none."""
    found = getattr(route, "body_field", None)
    return found.field_info.annotation if found is not None else PLAIN_BODIES.get(route.path)


def make_example(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str = "") -> Any:
    """Return a value that fits the JSON Schema, with every property that it names."""
    if "$ref" in schema:
        return make_example(definitions[schema["$ref"].rpartition("/")[2]], definitions, name)
    if "allOf" in schema:
        return make_example(schema["allOf"][0], definitions, name)
    if "anyOf" in schema:
        if name in TEXTS:
            return TEXTS[name]
        # `lost`, the only constant, needs a certain reason; every other status is an enumeration.
        choices = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return make_example(next((each for each in choices if "const" not in each), choices[0]), definitions, name)
    if "enum" in schema or "const" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema.get("type"):
        case "object":
            listed = {key: make_example(each, definitions, key) for key, each in schema.get("properties", {}).items()}
            return listed or {"n": 1}
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})]
            return [make_example(each, definitions, name) for each in items]
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case "string":
            return "2126-11-23T09:00:00Z" if schema.get("format") == "date-time" else TEXTS.get(name, "a")
    return TEXTS.get(name, {"n": 1})


def make_body(route: Route) -> Any:
    model = get_body_model(route)
    if model is None or model in BODIES:
        return copy.deepcopy(BODIES[model]) if model else None
    if model is StatusUpdateBatchRequest:
        model = StatusUpdateRequest
        return {"updates": [make_example(model.model_json_schema(), {})]}
    schema = model.model_json_schema()
    return make_example(schema, schema.get("$defs", {}))


def replace_each_leaf(value: Any, number: int, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the value once for each of its leaves, with the number in place of that leaf. The path says which."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from ((at, {**value, key: replaced}) for at, replaced in replace_each_leaf(item, number, f"{path}.{key}"))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for at, replaced in replace_each_leaf(item, number, f"{path}[{index}]"):
                yield at, [*value[:index], replaced, *value[index + 1 :]]
    else:
        yield path, number


def get_query_parameters(route: Route) -> tuple[str, ...]:
    declared = [each.alias for each in route.dependant.query_params] if isinstance(route, APIRoute) else []
    return (*declared, *READ_BY_HAND.get(route.path, ()))


def write_number(parameter: str, number: int) -> Iterator[str]:
    """Yield what a query parameter or a header may carry the number in: itself, and the cursors that contain it."""
    yield str(number)
    if parameter == "cursor":
        yield from (base64.urlsafe_b64encode(each.format(number).encode()).decode().rstrip("=") for each in CURSORS)
    if parameter in ("after", "Last-Event-ID", "seen"):
        yield from (each.format(number) for each in FEED_CURSORS)


def make_baselines() -> Iterator[Probe]:
    """Yield a request to each route of the application, without a number that is out of range."""
    for route in ROUTES:
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            yield Probe(method, fill(route.path), query=REQUIRED_QUERY.get(route.path, {}), body=make_body(route))


def make_probes() -> Iterator[Probe]:
    """Yield the requests with a number in a path, a query, a header or a JSON body, of every route."""
    for route in ROUTES:
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            query, body, url = REQUIRED_QUERY.get(route.path, {}), make_body(route), fill(route.path)
            for number in VALUES:
                for name in re.findall(r"{(\w+)", route.path):
                    yield Probe(method, fill(route.path, **{name: str(number)}), f"path {name}", query, body=body)
                for name in get_query_parameters(route):
                    for text in write_number(name, number):
                        yield Probe(method, url, f"query {name}", {**query, name: text}, body=body)
                        if route.path in ALSO_STREAMS:
                            yield Probe(method, url, f"query {name}", {**query, name: text}, {"Accept": "text/event-stream"})
                for at, replaced in replace_each_leaf(body, number) if body is not None else ():
                    yield Probe(method, url, f"body {at}", query, body=replaced)
                if route.path in ALSO_STREAMS or "/live/" in route.path or route.path == "/events/":
                    for text in write_number("Last-Event-ID", number):
                        headers = {"Last-Event-ID": text, "Accept": "text/event-stream"}
                        yield Probe(method, url, "header Last-Event-ID", query, headers)
                if method == "PUT":
                    yield Probe(method, url, "header If-Match", query, {"If-Match": f'"{number}.1"'}, body)


def furnish(url: str) -> None:
    """Create two channels, pipeline `p` and its run 1, with a stage of every kind that needs no worker."""
    number = {"type": "object", "properties": {"n": {"type": "integer"}}}
    stages = [
        {"name": "a", "kind": "external"},
        {"name": "b", "kind": "approval", "fields": number, "needs": []},
        {"name": "c", "command": ["true"], "needs": ["b"]},
    ]
    with httpx.Client(base_url=url, timeout=20, verify=NO_TLS) as http:
        for name in ("ops", "ops-mail"):
            http.post("/channels/", json={"name": name, "kind": "email", "settings": MAIL}).raise_for_status()
        http.post("/pipelines/", json={"name": "p", "stages": stages, "parameters": number, "tags": ["warehouse"]}).raise_for_status()
        http.post("/trigger/p").raise_for_status()
        http.post("/status-update/", json={"pipeline_id": "p", "stage_name": "a", "status": "running"}).raise_for_status()


@pytest.fixture(scope="module")
def web(postgres: EmbeddedPostgres) -> Iterator[WebProcess]:
    with a_web(postgres, HEADGATE_SECRET=SECRET) as web:
        furnish(web.url)
        yield web


@pytest.fixture
async def client(web: WebProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=web.url, timeout=60, verify=NO_TLS) as client:
        yield client


@pytest.fixture
async def prober(web: WebProcess) -> AsyncIterator[ProbeClient]:
    async with ProbeClient(web.url) as prober:
        yield prober


@cache
def get_worker_headers() -> Mapping[str, str]:
    token = HmacTokens(SECRET.encode()).issue_worker_token()
    return {"Authorization": f"Bearer {token}", PROTOCOL_HEADER: str(PROTOCOL_VERSION)}


async def send(client: ProbeClient, probe: Probe) -> int:
    """Send the request and return the status. Wait for the first piece of a stream, or a moment if none comes; 500 if the stream breaks."""
    headers, content = dict(probe.headers), b""
    if probe.url.startswith("/worker/"):
        headers |= get_worker_headers()
    if probe.form is not None:
        headers["Content-Type"], content = "application/x-www-form-urlencoded", urlencode(probe.form).encode()
    elif probe.body is not None:
        headers["Content-Type"], content = "application/json", json.dumps(probe.body).encode()
    separator = "&" if "?" in probe.url else "?"
    target = quote(probe.url, safe="/?&=%:,@") + (separator + urlencode(probe.query) if probe.query else "")
    if probe.is_stream:
        return await client.stream(probe.method, target, headers, seconds=2)
    return await client.request(probe.method, target, headers, content)


async def find_failures(client: ProbeClient, probes: Sequence[Probe], at_once: int) -> list[str]:
    """Return the requests that the server failed to answer, each with its status."""
    limit, failures = asyncio.Semaphore(at_once), []

    async def check(probe: Probe) -> None:
        async with limit:
            status = await send(client, probe)
        if status >= 500:
            failures.append(f"{status} {probe}")

    await asyncio.gather(*map(check, probes))
    return failures


async def load_forms(client: httpx.AsyncClient) -> Mapping[str, dict[str, str]]:
    """Return the fields of every form of the pages, by the address that it is sent to."""
    found: dict[str, dict[str, str]] = {}
    for route in ROUTES:
        if "GET" in (route.methods or ()) and (route.path.startswith("/ui/") or route.path == "/") and "/live/" not in route.path:
            answer = await client.get(fill(route.path), params=REQUIRED_QUERY.get(route.path, {}), headers={"Accept": "text/html"})
            parser = FormParser()
            parser.feed(answer.text if "html" in answer.headers.get("content-type", "") else "")
            for action, fields in parser.forms:
                found.setdefault(action or fill(route.path), {}).update(fields)
    return found


def assert_nothing_failed(web: WebProcess, failures: Sequence[str]) -> None:
    assert failures == []
    assert [line[-2_000:] for line in web.log.read_text().splitlines() if "Traceback" in line] == []


async def test_every_route_is_reached(prober: ProbeClient) -> None:
    """The walk would prove nothing if the rest of each request were refused."""
    refused = [str(probe) for probe in make_baselines() if await send(prober, probe) in (400, 401, 403, 405, 422)]

    assert len(ROUTES) > 90
    assert [line for line in refused if not line.startswith(("POST /ui/", "GET /ui/account "))] == []


async def test_numbers_out_of_range_in_paths_queries_headers_and_bodies_are_no_failure(web: WebProcess, prober: ProbeClient) -> None:
    probes = list(make_probes())

    failures = await find_failures(prober, [probe for probe in probes if not probe.is_stream], at_once=6)

    assert_nothing_failed(web, failures)


async def test_numbers_out_of_range_in_positions_of_streams_are_no_failure(web: WebProcess, prober: ProbeClient) -> None:
    failures = await find_failures(prober, [probe for probe in make_probes() if probe.is_stream], at_once=60)

    assert_nothing_failed(web, failures)


async def test_numbers_out_of_range_in_forms_are_no_failure(web: WebProcess, client: httpx.AsyncClient, prober: ProbeClient) -> None:
    forms = await load_forms(client)
    probes = [
        Probe("POST", action, f"field {name}", form={**fields, name: str(number)})
        for action, fields in forms.items()
        for name in fields
        for number in VALUES
    ]

    failures = await find_failures(prober, probes, at_once=6)

    assert len(forms) > 8
    assert_nothing_failed(web, failures)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/runs/{2**63}", 404),
        (f"/runs/{2**63 - 1}", 404),
        (f"/pipelines/{2**63}", 404),
        (f"/runs/1/events?after={2**31}", 200),
        (f"/runs/1/events?after={2**63 - 1}", 200),
        (f"/runs/1/events?after={2**63}", 422),
        (f"/runs/1/logs?after={2**63 - 1}", 200),
        (f"/runs/1/logs?stage=a&attempt={2**31}", 422),
        (f"/incidents/{2**31}", 404),
        (f"/incidents/{2**63 - 1}", 404),
        (f"/incidents/{2**63}", 404),
        (f"/silences/{2**63}", 404),
        (f"/ui/incidents/{2**63}", 404),
        (f"/ui/live/runs/1?after={2**63}", 422),
        (f"/ui/live/runs/{2**63}", 422),
        (f"/ui/live/pipelines/{2**64}", 422),
    ],
)
async def test_a_number_out_of_range_is_not_found_or_invalid_and_a_position_beyond_the_end_is_empty(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)

    assert answer.status_code == status
    if status == 200:
        assert answer.json() == []
