"""No input causes a 500."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.delivery.alert_channels import build_channel_settings
from tests.fakes.persistence.store import Tables
from tests.support.in_process import InProcessHeadgate
from tests.support.settings import make_settings

TEXT = st.text(st.characters(), max_size=8)
VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["a", "external", "running", "p", "p#1", 2**63, 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def objects_with(*names: str) -> Any:
    return st.dictionaries(st.sampled_from(names) | TEXT, VALUES, max_size=6)


STAGE = objects_with("name", "kind", "needs", "command", "callable", "timeout", "retries", "env", "when", "shell")
SCHEMA = objects_with("type", "properties", "required", "$ref", "pattern", "items", "enum", "minimum", "multipleOf", "$defs", "default")
DEFINITION = st.fixed_dictionaries(
    {"name": st.just("p") | VALUES, "stages": st.lists(STAGE, max_size=3) | st.just([{"name": "a", "kind": "external"}]) | VALUES},
    optional={"parameters": SCHEMA | VALUES, "parallelism": VALUES, "pool": VALUES, "description": VALUES},
)
UPDATE = objects_with(
    "pipeline_id", "stage_name", "status", "records_processed", "run_id", "attempt", "event_id", "seq", "output", "reported_at"
)
BACKFILL = objects_with("pipeline", "schedule", "cron", "timezone", "from", "to", "order", "parallel", "existing", "parameters", "dry_run")
CHANNEL: dict[str, Any] = {"name": "a", "kind": "webhook", "settings": {"url": "https://x.example/"}}
RULE: dict[str, Any] = {"on": ["failed"], "to": ["a"]}


@dataclass(frozen=True)
class AlertRequest:
    """A request about alerts. `known` is a valid body, `body` generates others."""

    method: str
    url: str
    known: dict[str, Any]
    body: Any


SILENCE_KEYS = ("pipeline", "tag", "all", "from", "to", "for", "reason")
CHANNEL_KEYS = ("name", "kind", "url", "settings", "fallback", "drill", "disabled")
RULE_KEYS = ("name", "tags", "on", "to", "after", "remind", "recovery", "quiet")
ALERT_REQUESTS = (
    AlertRequest("POST", "/incidents/1/snooze", {"for": "1h"}, objects_with("for", "until")),
    AlertRequest("POST", "/silences/", {"all": True, "for": "1h", "reason": "a"}, objects_with(*SILENCE_KEYS)),
    AlertRequest("POST", "/channels/", CHANNEL | {"name": "b"}, objects_with(*CHANNEL_KEYS)),
    AlertRequest("PUT", "/channels/a", {}, objects_with(*CHANNEL_KEYS)),
    AlertRequest("POST", "/alert-rules/", RULE | {"name": "s"}, objects_with(*RULE_KEYS)),
    AlertRequest("PUT", "/alert-rules/r", RULE, objects_with(*RULE_KEYS)),
)
MANY = settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))

HEADGATE = InProcessHeadgate(ports={"channel_settings": build_channel_settings(make_settings())})


def get_empty_headgate() -> InProcessHeadgate:
    """Return the shared Headgate with an empty store: building one takes longer than a test."""
    HEADGATE.fakes.store.committed = Tables()
    HEADGATE.fakes.store.journal.clear()
    return HEADGATE


@MANY
@given(body=DEFINITION | VALUES, parameters=VALUES)
async def test_no_definition_or_parameters_cause_a_500(body: Any, parameters: Any) -> None:
    client = get_empty_headgate().client

    created = await client.post("/pipelines/", content=json.dumps(body))
    ref = created.json().get("id", "p")
    run = await client.post(f"/trigger/{ref}", content=json.dumps({"parameters": parameters}))

    assert created.status_code in (201, 422), created.text
    assert run.status_code in (202, 404, 422), run.text


@MANY
@given(update=UPDATE | VALUES)
async def test_no_status_update_causes_a_500(update: Any) -> None:
    headgate = get_empty_headgate()
    await headgate.api.create_pipeline("p", {"name": "a", "kind": "external"})

    known = {"pipeline_id": "p", "stage_name": "a", "status": "running", **update} if isinstance(update, dict) else update
    answers = [await headgate.client.post("/status-update/", content=json.dumps(item)) for item in (update, known)]
    batch = await headgate.client.post("/status-update/batch", content=json.dumps({"updates": [update, known]}))

    assert all(answer.status_code < 500 for answer in answers)
    assert batch.status_code == 200, batch.text
    assert all(item["http_status"] < 500 for item in batch.json())


@MANY
@given(body=BACKFILL | VALUES)
async def test_no_backfill_causes_a_500(body: Any) -> None:
    headgate = get_empty_headgate()
    await headgate.api.create_pipeline("p", {"name": "a", "command": ["true"]}, schedules=[{"name": "a", "every": "1h"}])

    known = {"pipeline": "p", "from": "2026-03-01", "to": "2026-03-01", **body} if isinstance(body, dict) else body
    answers = [await headgate.client.post("/backfills/", content=json.dumps(item)) for item in (body, known)]

    assert all(answer.status_code in (200, 201, 404, 409, 422) for answer in answers), [answer.text for answer in answers]


@MANY
@given(request=st.sampled_from(ALERT_REQUESTS).flatmap(lambda each: st.tuples(st.just(each), each.body | VALUES)))
async def test_no_body_about_alerts_causes_a_500(request: tuple[AlertRequest, Any]) -> None:
    headgate = get_empty_headgate()
    asked, body = request
    for url, known in (("/channels/", CHANNEL), ("/alert-rules/", RULE | {"name": "r"})):
        assert (await headgate.client.post(url, json=known)).status_code == 201

    for item in (body, {**asked.known, **body} if isinstance(body, dict) else body):
        answer = await headgate.client.request(asked.method, asked.url, content=json.dumps(item))
        assert answer.status_code in (200, 201, 404, 409, 422), answer.text


@MANY
@given(path=TEXT, query=TEXT, header=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20))
async def test_no_path_or_header_causes_a_500(path: str, query: str, header: str) -> None:
    client = get_empty_headgate().client
    params = {"skip": query.encode("utf-8", "replace"), "after": query.encode("utf-8", "replace")}
    name = path.encode("utf-8", "replace").decode()
    headers = {"Last-Event-ID": header.strip().encode("latin-1"), "X-Request-Id": header.strip().encode("latin-1")}

    for prefix in ("/pipelines/", "/runs/", "/backfills/", "/incidents/", "/silences/", "/channels/", "/alert-rules/", "/trigger/", "/"):
        answer = await client.get(prefix + quote_all(name), params=params, headers=headers)
        assert answer.status_code < 500


def quote_all(text: str) -> str:
    return quote(text, safe="")
