"""For each route, the requests that cost most. The store is that of `worst_store`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.worst_store import (
    APPROVAL,
    APPROVAL_RUN,
    ATTEMPTS,
    BODY,
    DENSE,
    DENSE_RUN,
    FAILING,
    FAILING_RUN,
    FIELDS,
    FIELDS_RUN,
    RARE,
    SCHEDULED,
    SCHEDULED_PIPELINE,
    TEXTS,
    TEXTS_RUN,
    dense_stages,
    parameters_schema,
)

PIPELINES: Final = (DENSE, FIELDS, TEXTS, FAILING, APPROVAL, SCHEDULED)
RUNS: Final = (DENSE_RUN, FIELDS_RUN, TEXTS_RUN, FAILING_RUN, APPROVAL_RUN)
LONG: Final = "x%21" * 800
JSON: Final = {"Content-Type": "application/json"}
YAML: Final = {"Content-Type": "application/yaml"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class WorstRequest:
    """A request. Its URL is below the route's; `name` says what makes it expensive."""

    name: str
    url: str
    content: bytes = b""
    headers: Mapping[str, str] | None = None


def _fit(unit: str, opening: str, closing: str, limit: int = BODY) -> bytes:
    """Return JSON of at most `limit` bytes that repeats a unit."""
    count = (limit - len(opening) - len(closing)) // len(unit)
    return (opening + (unit * count).rstrip(",") + closing).encode()


@cache
def _keys(prefix: str, closing: str, value: str = "1", limit: int = BODY) -> bytes:
    parts, size, index = [], len(prefix) + len(closing), 0
    while size < limit - 40:
        part = f'"k{index}":{value}'
        parts.append(part)
        size, index = size + len(part) + 1, index + 1
    return (prefix + ",".join(parts) + closing).encode()


def values(key: str) -> dict[str, bytes]:
    """Return bodies of 1 MiB with many, deep or escaped values of a key."""
    return {
        "numbers": _fit("1,", f'{{"{key}":{{"a":[', "]}}"),
        "large numbers": _fit("9223372036854775807,", f'{{"{key}":{{"a":[', "]}}"),
        "keys": _keys(f'{{"{key}":{{', "}}"),
        "lists": _fit("[],", f'{{"{key}":{{"a":[', "]}}"),
        "escapes": _fit("\\u0041", f'{{"{key}":{{"a":"', '"}}'),
        "strings": _fit('"\\n",', f'{{"{key}":{{"a":[', "]}}"),
        "deep": f'{{"{key}":'.encode() + b"[" * 500_000,
        "nested": f'{{"{key}":{{"a":['.encode() + ("[" * 60 + "]" * 60 + ",").encode() * 8_000 + b"1]}}",
        "unknown keys": _keys("{", "}"),
    }


@cache
def few_values(key: str) -> dict[str, bytes]:
    """Return some of those bodies, for the many routes that parse and check them in the same way."""
    every = values(key)
    return {name: every[name] for name in ("keys", "strings", "nested", "unknown keys")}


def bodies(url: str, given: Mapping[str, bytes]) -> list[WorstRequest]:
    return [WorstRequest(name, url, body, JSON) for name, body in given.items()]


def rare_schedules() -> list[dict[str, Any]]:
    """Return 20 schedules whose ticks take long to find: they are on a few days of a century."""
    return [RARE | {"name": f"s{index}"} for index in range(20)]


def previews() -> dict[str, bytes]:
    """Return schedules whose next times take long to find."""
    rare = rare_schedules()[0]
    known = {key: rare[key] for key in ("cron", "timezone")} | {"count": 100}
    return {
        "rare": json.dumps(known).encode(),
        "far": json.dumps(known | {"after": "2900-01-01T00:00:00Z"}).encode(),
        "skipped": json.dumps(
            {"every": 5, "count": 100, "skip": [f"2026-{m:02}-{d:02}" for m in range(1, 13) for d in range(1, 29)]}
        ).encode(),
        "unknown zone": json.dumps(known | {"timezone": "Europe/Berln"}).encode(),
        "long": json.dumps({"cron": "1," * 500_000}).encode(),
    }


def definitions(method_name: str) -> dict[str, bytes]:
    """Return definitions of about 1 MiB, valid and invalid ones."""

    def dump(**keys: Any) -> bytes:
        return json.dumps({"name": method_name, **keys}, separators=(",", ":")).encode()[:BODY]

    stage, flow_run = {"name": "a", "command": ["true"]}, {"name": "a", "deployment": "ml/train"}
    many = [f"y{index}" for index in range(110_000)]
    return {
        "dense": dump(stages=dense_stages(500)),
        "fields": dump(stages=[stage], parameters=parameters_schema(11_000)),
        "unknown needs": dump(stages=[stage | {"needs": many}]),
        "unknown needs of all": dump(stages=[stage | {"name": f"s{index}", "needs": many[:200]} for index in range(500)]),
        "equal names": dump(stages=[stage | {"command": ["a" * 1_900]}] * 500),
        "unknown keys": dump(stages=[stage | {f"k{index}": 1 for index in range(200)}] * 300),
        "env": dump(stages=[stage | {"env": {f"K{index}": "v" for index in range(60_000)}}]),
        "arguments": dump(stages=[stage | {"command": ["a"] * 250_000}]),
        "texts": dump(stages=[{"name": f"s{index}", "shell": True, "command": "a\nb" * 20_000} for index in range(12)]),
        "references": dump(stages=[flow_run | {"parameters": {f"k{index}": {"parameter": f"k{index}"} for index in range(30_000)}}]),
        "nested references": dump(stages=[flow_run | {"parameters": {"a": [[[{"parameter": "x"}]]] * 40_000}}]),
        "deployments": dump(stages=[flow_run | {"name": f"s{index}", "deployment": f"ml/{index}", "needs": []} for index in range(500)]),
        "enum": dump(stages=[stage], parameters={"properties": {"a": {"enum": list(range(150_000))}}}),
        "all of": dump(stages=[stage], parameters={"properties": {"a": {"allOf": [{"minimum": 1}] * 60_000}}}),
        "patterns": dump(stages=[stage], parameters={"properties": {f"p{index}": {"pattern": "^(a+)+$"} for index in range(20_000)}}),
        "nested": dump(stages=[stage], parameters={"x": [[[[[[]]]]]] * 70_000}),
        "schedules": dump(stages=[stage], schedules=rare_schedules()),
        "unknown zones": dump(stages=[stage], schedules=[{"name": f"s{n}", "cron": "* * * * *", "timezone": "x" * 60} for n in range(20)]),
        "skipped dates": dump(stages=[stage], schedules=[{"name": "a", "every": 5, "skip": ["2026-12-25"] * 60_000}]),
        "deep": b'{"name":"a","stages":' + b"[" * 900_000,
        **values("parameters"),
    }


def few_definitions(name: str) -> dict[str, bytes]:
    every = definitions(name)
    return {kind: every[kind] for kind in ("dense", "unknown keys", "env", "arguments", "texts", "nested")}


def updates() -> dict[str, bytes]:
    def dump(item: dict[str, Any], count: int) -> bytes:
        return json.dumps({"updates": [item | {"event_id": f"e{index}"} for index in range(count)]}, separators=(",", ":")).encode()

    item = {"pipeline_id": FAILING, "stage_name": "failing-2", "status": "running"}
    return {
        "updates": dump(item, 1_000),
        "long texts": dump(item | {"error_message": "\x1b[31m/a/b 1.2.3.4 ' " * 2_300}, 13),
        "outputs": dump(item | {"output": [1] * 400}, 1_000),
        "invalid": dump(item | {"status": "x", "seq": -1, "unknown": 1}, 1_000),
        "unknown pipelines": dump(item | {"pipeline_id": "nothing"}, 1_000),
        "names of runs": json.dumps(
            {"updates": [{"run_id": f"{FAILING}#{index}", "status": "running"} for index in range(1, 1_001)]}, separators=(",", ":")
        ).encode(),
        **few_values("updates"),
    }


def log_lines() -> dict[str, bytes]:
    at = "2026-11-29T00:00:00Z"
    head = {"run_id": FAILING_RUN, "stage": "failing-0", "attempt": ATTEMPTS}
    return {
        "lines": json.dumps({**head, "lines": [[index, at, "stdout", ""] for index in range(25_000)]}).encode(),
        "one line": json.dumps({**head, "lines": [[0, at, "stdout", "x" * 1_000_000]]}).encode(),
        "invalid lines": json.dumps({**head, "lines": [[index, at, "x", 1] for index in range(25_000)]}).encode(),
        **few_values("lines"),
    }


def heartbeats() -> dict[str, bytes]:
    worker = {"worker_id": "w", "name": "w", "pool": "headgate", "slots": 4, "free": 4}
    held = [{"run_id": index + 1, "epoch": 1} for index in range(10_000)]
    holding = [{"run_id": 1, "epoch": 1, "holding": [["x1", 1]] * 10_000} for _ in range(8)]
    return {
        "dispatches": json.dumps({**worker, "dispatches": held}).encode(),
        "attempts": json.dumps({**worker, "dispatches": holding}).encode(),
        **few_values("dispatches"),
    }


def advances() -> dict[str, bytes]:
    report = {"stage": "x1", "attempt": 1, "status": "completed"}
    head = {"worker_id": "worker-1", "capacity": 16}
    return {
        "reports": json.dumps({**head, "reports": [report | {"event_id": str(index)} for index in range(10_000)]}).encode(),
        "holding": json.dumps({**head, "holding": [["x1", 1]] * 10_000}).encode(),
        **few_values("reports"),
    }


def forms(url: str, **fields: str) -> list[WorstRequest]:
    """Return forms with as many fields and as much text as one may have."""
    opening = f"{urlencode(fields)}&" if fields else ""
    bodies = {"fields": opening + _many_fields(), "text": opening + _large_field(), "too many": "&".join(["a="] * 100_000)}
    return [WorstRequest(name, url, body.encode(), FORM) for name, body in bodies.items()]


@cache
def _many_fields() -> str:
    return urlencode({f"p.parameter-{index}": "&" * 100 for index in range(1_990)})


@cache
def _large_field() -> str:
    return urlencode({"p.parameter-0": "<" * 340_000})


@cache
def yaml_texts() -> Mapping[str, str]:
    return {
        "sequence": "name: dense\nstages: [" + "a, " * 300_000 + "]",
        "nested": "name: dense\nstages: " + "[" * 60 + "]" * 60 + "\nx: [" + "[[[[[]]]]], " * 60_000 + "]",
        "deep": "[" * 900_000,
        "keys": "name: dense\n" + "".join(f"k{index}: 1\n" for index in range(80_000)),
        "aliases": "a: &a [x]\nb: [" + "*a, " * 200_000 + "]",
        "text": "name: dense\nstages: []\ndescription: |\n" + "  x\n" * 200_000,
        "comments": "#\n" * 400_000,
        "quotes": 'name: "' + "\\x41" * 200_000 + '"',
        "tags": "!!str " * 100_000,
        "json": json.dumps({"name": "dense", "stages": dense_stages(480)}),
    }


@cache
def yaml_forms() -> Mapping[str, str]:
    """Return forms with these texts, encoded once for all routes."""
    return {name: urlencode({"revision": "2", "definition": text[:600_000]}) for name, text in yaml_texts().items()}


def editions(url: str) -> list[WorstRequest]:
    return [WorstRequest(name, url, text.encode()[:BODY], FORM) for name, text in yaml_forms().items()]


def yaml_bodies(url: str) -> list[WorstRequest]:
    """Return YAML bodies, among them one whose problems are searched in the whole text."""
    wrong = "name: p\nstages:\n" + "".join(f"- {{name: s{n}, kind: external, tiemout: 1, timeout: -1}}\n" for n in range(4_500))
    texts = {**yaml_texts(), "unknown keys": wrong, "comments": f"name: p\nstages: []\n{'# a' * 300_000}"}
    return [WorstRequest(f"yaml {name}", url, text.encode()[:BODY], YAML) for name, text in texts.items()]


def stage_forms(url: str) -> list[WorstRequest]:
    """Return requests that add a stage to each of those texts."""
    stage = {"stage-name": "added", "stage-kind": "command", "stage-command": "true", "name": "other"}
    return [WorstRequest(name, url, f"{text}&{urlencode(stage)}".encode()[:BODY], FORM) for name, text in yaml_forms().items()]


def backfills() -> dict[str, bytes]:
    """Return requests for the most ticks, for far too many, and for large parameters."""
    asked = {"pipeline": SCHEDULED, "cron": "* * * * *", "from": "2020-01-01T00:00", "to": "2020-01-07T22:00", "dry_run": True}
    return {
        "most ticks": json.dumps(asked).encode(),
        "too many ticks": json.dumps(asked | {"from": "1970-01-01", "to": "2026-01-01"}).encode(),
        "rare ticks": json.dumps(asked | {"cron": RARE["cron"], "from": "1970-01-01", "to": "2026-01-01"}).encode(),
        **few_values("parameters"),
    }


def alert_rules() -> dict[str, bytes]:
    """Return rules with as many events, channels and tags as fit into a body."""
    rule = {"name": "a", "on": ["failed"], "to": ["team"]}
    return {
        "events": json.dumps(rule | {"on": ["failed"] * 100_000}).encode(),
        "unknown events": json.dumps(rule | {"on": ["x"] * 200_000}).encode(),
        "channels": json.dumps(rule | {"to": ["team"] * 100_000}).encode(),
        "targets": json.dumps(rule | {"to": [{"channel": f"c{index}", "after": "1h"} for index in range(20)]}).encode(),
        "tags": json.dumps(rule | {"tags": ["a"] * 200_000}).encode(),
        "exempt": json.dumps(rule | {"quiet": {"from": "22:00", "to": "07:00", "except": ["x"] * 200_000}}).encode(),
        **few_values("quiet"),
    }


def channels() -> dict[str, bytes]:
    """Return channels with large settings."""
    mail = {"name": "ops", "kind": "email", "settings": {"host": "x.example", "from": "a@x.example", "to": ["b@x.example"] * 60_000}}
    return {
        "recipients": json.dumps(mail).encode(),
        "address": json.dumps({"name": "ops", "kind": "apprise", "url": "slack://" + "a/" * 2_000}).encode(),
        **few_values("settings"),
    }


def of_pipelines(path: str) -> list[WorstRequest]:
    return [WorstRequest(name, path.format(name)) for name in PIPELINES]


def of_runs(path: str) -> list[WorstRequest]:
    return [WorstRequest(f"run {run}", path.format(run)) for run in RUNS]


def one(*urls: str) -> list[WorstRequest]:
    return [WorstRequest(url[:60], url) for url in urls]


SCHEDULE: Final = f"/ui/pipelines/{SCHEDULED}/schedules/n0-{'n' * 90}"
STAGE: Final = f"/ui/runs/{FAILING_RUN}/stages/failing-0"
WORST_REQUESTS: Final[Mapping[tuple[str, str], Sequence[WorstRequest]]] = {
    ("GET", "/"): [*one("/", "/?q=" + LONG, "/?tag=nightly&status=queued"), WorstRequest("text", "/", headers={"Accept": "text/plain"})],
    ("GET", "/accounts/"): one("/accounts/"),
    ("POST", "/accounts/"): bodies("/accounts/", few_values("name")),
    ("PATCH", "/accounts/{name}"): bodies("/accounts/ada", few_values("role")),
    ("GET", "/alert-rules/"): one("/alert-rules/"),
    ("POST", "/alert-rules/"): bodies("/alert-rules/", alert_rules()),
    ("GET", "/alert-rules/{name}"): one("/alert-rules/on-call"),
    ("PUT", "/alert-rules/{name}"): bodies("/alert-rules/on-call", alert_rules()),
    ("DELETE", "/alert-rules/{name}"): one("/alert-rules/nothing"),
    ("GET", "/audit/"): one("/audit/?limit=100"),
    ("GET", "/audit/export"): one("/audit/export"),
    ("GET", "/backfills/"): one("/backfills/?limit=1000"),
    ("GET", "/pipeline-files/"): one("/pipeline-files/?limit=1000"),
    ("POST", "/backfills/"): bodies("/backfills/", backfills()),
    ("GET", "/backfills/{backfill_id}"): one("/backfills/1"),
    ("POST", "/backfills/{backfill_id}/cancel"): bodies("/backfills/1/cancel", few_values("cancel_runs")),
    ("POST", "/backfills/{backfill_id}/pause"): one("/backfills/1/pause"),
    ("POST", "/backfills/{backfill_id}/resume"): one("/backfills/1/resume"),
    ("GET", "/backfills/{backfill_id}/ticks"): one("/backfills/1/ticks?limit=1000"),
    ("GET", "/channels/"): one("/channels/"),
    ("POST", "/channels/"): bodies("/channels/", channels()),
    ("GET", "/channels/{name}"): one("/channels/team"),
    ("PUT", "/channels/{name}"): bodies("/channels/team", channels()),
    ("POST", "/channels/{name}/test"): one("/channels/nothing/test"),
    ("DELETE", "/channels/{name}"): one("/channels/nothing"),
    ("GET", "/docs"): one("/docs"),
    ("GET", "/docs/openapi-3.0.json"): one("/docs/openapi-3.0.json"),
    ("GET", "/docs/start.js"): one("/docs/start.js"),
    ("GET", "/docs/swagger-ui-bundle.js"): one("/docs/swagger-ui-bundle.js"),
    ("GET", "/docs/swagger-ui.css"): one("/docs/swagger-ui.css"),
    ("GET", "/events/"): one("/events/"),
    ("GET", "/favicon.ico"): one("/favicon.ico"),
    ("GET", "/groups/"): one("/groups/?limit=1000"),
    ("GET", "/prefect/deployments"): one("/prefect/deployments"),
    ("GET", "/groups/{name}"): one("/groups/warehouse"),
    ("PUT", "/groups/{name}"): bodies("/groups/warehouse", few_values("limit")),
    ("GET", "/incidents/"): [
        *one("/incidents/?limit=1000", "/incidents/?limit=1000&state=open&state=acknowledged"),
        WorstRequest("text", "/incidents/?limit=1000", headers={"Accept": "text/plain"}),
    ],
    ("GET", "/incidents/{incident_id}"): one("/incidents/1"),
    ("POST", "/incidents/{incident_id}/acknowledge"): one("/incidents/1/acknowledge"),
    ("POST", "/incidents/{incident_id}/resolve"): one("/incidents/1/resolve"),
    ("POST", "/incidents/{incident_id}/snooze"): bodies("/incidents/1/snooze", few_values("for")),
    ("GET", "/livez"): one("/livez"),
    ("GET", "/openapi.json"): one("/openapi.json"),
    ("GET", "/schemas/pipeline.json"): one("/schemas/pipeline.json"),
    ("GET", "/pipelines/"): one("/pipelines/?limit=1000", "/pipelines/?limit=10"),
    ("POST", "/pipelines/"): [*bodies("/pipelines/", definitions("new")), *yaml_bodies("/pipelines/")],
    ("GET", "/pipelines/{pipeline_id}"): of_pipelines("/pipelines/{}"),
    ("PUT", "/pipelines/{pipeline_id}"): [*bodies(f"/pipelines/{DENSE}", few_definitions(DENSE)), *yaml_bodies(f"/pipelines/{DENSE}")],
    ("DELETE", "/pipelines/{pipeline_id}"): one(f"/pipelines/{DENSE}?confirm=" + LONG[:200]),
    ("POST", "/pipelines/{pipeline_id}/archive"): one(f"/pipelines/{TEXTS}/archive"),
    ("POST", "/pipelines/{pipeline_id}/clone"): bodies(f"/pipelines/{DENSE}/clone", few_values("name")),
    ("GET", "/pipelines/{pipeline_id}/failures"): of_pipelines("/pipelines/{}/failures"),
    ("GET", "/pipelines/{pipeline_id}/history"): of_pipelines("/pipelines/{}/history"),
    ("POST", "/pipelines/{pipeline_id}/pause"): bodies(f"/pipelines/{DENSE}/pause", few_values("until")),
    ("POST", "/pipelines/{pipeline_id}/resume"): one(f"/pipelines/{DENSE}/resume"),
    ("GET", "/pipelines/{pipeline_id}/revisions"): of_pipelines("/pipelines/{}/revisions?limit=100"),
    ("GET", "/pipelines/{pipeline_id}/revisions/{number}"): of_pipelines("/pipelines/{}/revisions/1"),
    ("GET", "/pipelines/{pipeline_id}/revisions/{number}/source"): of_pipelines("/pipelines/{}/revisions/1/source"),
    ("POST", "/pipelines/{pipeline_id}/revisions/{number}/restore"): of_pipelines("/pipelines/{}/revisions/1/restore"),
    ("GET", "/pipelines/{pipeline_id}/runs"): of_pipelines("/pipelines/{}/runs?limit=1000"),
    ("GET", "/pipelines/{pipeline_id}/stages"): of_pipelines("/pipelines/{}/stages"),
    ("POST", "/pipelines/{pipeline_id}/unarchive"): one(f"/pipelines/{TEXTS}/unarchive"),
    ("GET", "/readyz"): one("/readyz"),
    ("GET", "/runs/"): one("/runs/?limit=1000"),
    ("GET", "/runs/{id}"): of_runs("/runs/{}"),
    ("POST", "/runs/{id}/again"): bodies(f"/runs/{FIELDS_RUN}/again", few_values("parameters")),
    ("POST", "/runs/{id}/cancel"): bodies(f"/runs/{TEXTS_RUN}/cancel", few_values("message")),
    ("GET", "/runs/{id}/compare/{other}"): one(*(f"/runs/{run}/compare/{run}" for run in RUNS)),
    ("GET", "/runs/{id}/events"): of_runs("/runs/{}/events?limit=1000"),
    ("GET", "/runs/{id}/logs"): [
        *one(f"/runs/{FAILING_RUN}/logs?limit=1000"),
        WorstRequest("text", f"/runs/{FAILING_RUN}/logs", headers={"Accept": "text/plain"}),
    ],
    ("POST", "/runs/{id}/retry"): bodies(f"/runs/{FAILING_RUN}/retry", few_values("stages")),
    ("POST", "/runs/{id}/start-over-limit"): bodies(f"/runs/{DENSE_RUN}/start-over-limit", few_values("stage")),
    ("GET", "/runs/{id}/stages"): of_runs("/runs/{}/stages"),
    ("POST", "/runs/{id}/stages/{stage}/approve"): bodies(f"/runs/{APPROVAL_RUN}/stages/ask/approve", few_values("fields")),
    ("POST", "/runs/{id}/stages/{stage}/cancel"): bodies(f"/runs/{DENSE_RUN}/stages/x0/cancel", few_values("message")),
    ("POST", "/runs/{id}/stages/{stage}/reject"): bodies(f"/runs/{APPROVAL_RUN}/stages/ask/reject", few_values("fields")),
    ("POST", "/runs/{id}/stages/{stage}/retry"): one(f"/runs/{FAILING_RUN}/stages/failing-0/retry"),
    ("POST", "/runs/{id}/stages/{stage}/skip"): bodies(f"/runs/{FAILING_RUN}/stages/failing-0/skip", few_values("message")),
    ("GET", "/pipelines/{pipeline_id}/expectations"): of_pipelines("/pipelines/{}/expectations"),
    ("GET", "/pipelines/{pipeline_id}/why"): [
        *of_pipelines("/pipelines/{}/why"),
        *one(f"/pipelines/{SCHEDULED}/why?day=2998-12-31", f"/pipelines/{SCHEDULED}/why?day=yesterday"),
    ],
    ("GET", "/pipelines/{pipeline_id}/schedules"): of_pipelines("/pipelines/{}/schedules"),
    ("POST", "/pipelines/{pipeline_id}/schedules/{name}/pause"): bodies(f"/pipelines/{DENSE}/schedules/nightly/pause", few_values("until")),
    ("POST", "/pipelines/{pipeline_id}/schedules/{name}/resume"): bodies(
        f"/pipelines/{DENSE}/schedules/nightly/resume", few_values("catch_up")
    ),
    ("POST", "/pipelines/{pipeline_id}/schedules/{name}/run-now"): one(f"/pipelines/{DENSE}/schedules/nightly/run-now"),
    ("GET", "/ticks/"): one("/ticks/?limit=1000", f"/ticks/?pipeline={DENSE}&state=missed&from=1970-01-01T00:00:00Z"),
    ("GET", "/pipelines/{pipeline_id}/schedules/{name}/next"): one(f"/pipelines/{DENSE}/schedules/nightly/next?count=100"),
    ("POST", "/schedules/preview"): bodies("/schedules/preview", previews()),
    ("GET", "/silences/"): one("/silences/", "/silences/?ended=true"),
    ("POST", "/silences/"): bodies("/silences/", few_values("reason")),
    ("GET", "/silences/{silence_id}"): one("/silences/1"),
    ("DELETE", "/silences/{silence_id}"): one("/silences/1"),
    ("GET", "/static/{digest}/{name}"): one("/static/1/headgate.css"),
    ("POST", "/status-update/"): bodies("/status-update/", values("output")),
    ("POST", "/status-update/batch"): bodies("/status-update/batch", updates()),
    ("GET", "/tokens/"): one("/tokens/"),
    ("POST", "/tokens/"): bodies("/tokens/", few_values("scopes")),
    ("DELETE", "/tokens/{token_id}"): one("/tokens/99"),
    ("POST", "/trigger/{pipeline_id}"): bodies(f"/trigger/{FIELDS}", values("parameters")) + bodies(f"/trigger/{DENSE}", {"dense": b"{}"}),
    ("GET", "/ui/account"): one("/ui/account"),
    ("POST", "/ui/account"): forms("/ui/account"),
    ("GET", "/ui/accounts"): one("/ui/accounts"),
    ("POST", "/ui/accounts"): forms("/ui/accounts", name="x", role="viewer", password="four words of mine"),
    ("POST", "/ui/accounts/{name}"): forms("/ui/accounts/ada"),
    ("GET", "/ui/audit"): one("/ui/audit"),
    ("GET", "/ui/alert-rules"): one("/ui/alert-rules"),
    ("POST", "/ui/alert-rules"): forms("/ui/alert-rules"),
    ("GET", "/ui/alert-rules/{name}"): one("/ui/alert-rules/on-call"),
    ("POST", "/ui/alert-rules/{name}"): forms("/ui/alert-rules/on-call"),
    ("GET", "/ui/alert-rules/{name}/delete"): one("/ui/alert-rules/on-call/delete"),
    ("POST", "/ui/alert-rules/{name}/delete"): forms("/ui/alert-rules/nothing/delete"),
    ("GET", "/ui/backfills/"): one("/ui/backfills/", f"/ui/backfills/?pipeline={SCHEDULED}"),
    ("GET", "/ui/backfills/{backfill_id}"): one("/ui/backfills/1", "/ui/backfills/1?above=9900"),
    ("GET", "/ui/backfills/{backfill_id}/cancel"): one("/ui/backfills/1/cancel"),
    ("POST", "/ui/backfills/{backfill_id}/cancel"): forms("/ui/backfills/1/cancel"),
    ("POST", "/ui/backfills/{backfill_id}/pause"): forms("/ui/backfills/1/pause"),
    ("POST", "/ui/backfills/{backfill_id}/resume"): forms("/ui/backfills/1/resume"),
    ("GET", "/ui/channels"): one("/ui/channels"),
    ("GET", "/ui/channels/{name}"): one("/ui/channels/team"),
    ("GET", "/ui/channels/{name}/delete"): one("/ui/channels/team/delete"),
    ("POST", "/ui/channels/{name}/delete"): forms("/ui/channels/nothing/delete"),
    ("GET", "/ui/channels/{name}/edit"): one("/ui/channels/team/edit"),
    ("POST", "/ui/channels/{name}/edit"): forms("/ui/channels/team/edit"),
    ("POST", "/ui/channels/{name}/test"): one("/ui/channels/nothing/test"),
    ("GET", "/ui/incidents"): one("/ui/incidents?state=all", f"/ui/incidents?pipeline={LONG}"),
    ("GET", "/ui/incidents/{incident_id}"): one("/ui/incidents/1"),
    ("GET", "/ui/incidents/{incident_id}/acknowledge"): one("/ui/incidents/1/acknowledge"),
    ("POST", "/ui/incidents/{incident_id}/acknowledge"): forms("/ui/incidents/1/acknowledge"),
    ("POST", "/ui/incidents/{incident_id}/resolve"): forms("/ui/incidents/1/resolve"),
    ("POST", "/ui/incidents/{incident_id}/snooze"): forms("/ui/incidents/1/snooze"),
    ("GET", "/ui/links/{token}"): one(f"/ui/links/{LONG}"),
    ("POST", "/ui/links/{token}"): one(f"/ui/links/{LONG}"),
    ("GET", "/ui/new-channel"): one("/ui/new-channel?kind=email"),
    ("POST", "/ui/new-channel"): forms("/ui/new-channel"),
    ("GET", "/ui/silences"): one("/ui/silences?ended=1"),
    ("POST", "/ui/silences"): forms("/ui/silences"),
    ("GET", "/ui/silences/{silence_id}/end"): one("/ui/silences/1/end"),
    ("POST", "/ui/silences/{silence_id}/end"): forms("/ui/silences/1/end"),
    ("GET", "/ui/groups/"): [*one("/ui/groups/"), WorstRequest("text", "/ui/groups/", headers={"Accept": "text/plain"})],
    ("GET", "/ui/groups/{name}"): one("/ui/groups/warehouse"),
    ("POST", "/ui/groups/{name}"): forms("/ui/groups/warehouse", limit="1"),
    ("GET", "/ui/live/board"): one("/ui/live/board"),
    ("GET", "/ui/live/frame"): one("/ui/live/frame"),
    ("GET", "/ui/live/channels"): one("/ui/live/channels"),
    ("GET", "/ui/live/channels/{name}"): one("/ui/live/channels/team"),
    ("GET", "/ui/live/incidents"): one("/ui/live/incidents", "/ui/live/incidents?state=all"),
    ("GET", "/ui/live/incidents/{incident_id}"): one("/ui/live/incidents/1"),
    ("GET", "/ui/live/silences"): one("/ui/live/silences?ended=1"),
    ("GET", "/ui/live/backfills"): one("/ui/live/backfills"),
    ("GET", "/ui/live/backfills/{backfill_id}"): one("/ui/live/backfills/1"),
    ("GET", "/ui/live/groups"): one("/ui/live/groups"),
    ("GET", "/ui/live/groups/{name}"): one("/ui/live/groups/warehouse"),
    ("GET", "/ui/live/pipelines/{pipeline_id}"): one(*(f"/ui/live/pipelines/{number}" for number in (*range(1, 6), SCHEDULED_PIPELINE))),
    ("GET", "/ui/live/runs"): one("/ui/live/runs"),
    ("GET", "/ui/live/runs/{run_id}"): of_runs("/ui/live/runs/{}?view=graph") + of_runs("/ui/live/runs/{}?view=waterfall"),
    ("GET", "/ui/live/schedule"): one("/ui/live/schedule", "/ui/live/schedule?view=week"),
    ("GET", "/ui/live/system"): one("/ui/live/system"),
    ("GET", "/ui/live/waiting"): one("/ui/live/waiting"),
    ("GET", "/ui/new"): one("/ui/new"),
    ("POST", "/ui/new"): forms("/ui/new", name="x"),
    ("POST", "/ui/new/form"): stage_forms("/ui/new/form"),
    ("POST", "/ui/new/preview"): editions("/ui/new/preview"),
    ("GET", "/ui/pipelines/{ref}"): [*of_pipelines("/ui/pipelines/{}"), *one(f"/ui/pipelines/{SCHEDULED}?day=yesterday")],
    ("GET", "/ui/pipelines/{ref}/archive"): of_pipelines("/ui/pipelines/{}/archive"),
    ("POST", "/ui/pipelines/{ref}/archive"): forms(f"/ui/pipelines/{TEXTS}/archive"),
    ("GET", "/ui/pipelines/{ref}/backfill"): of_pipelines("/ui/pipelines/{}/backfill"),
    ("POST", "/ui/pipelines/{ref}/backfill"): forms(f"/ui/pipelines/{SCHEDULED}/backfill", parallel="x", parameters="{" * 2_000),
    ("GET", "/ui/pipelines/{ref}/clone"): of_pipelines("/ui/pipelines/{}/clone"),
    ("POST", "/ui/pipelines/{ref}/clone"): forms(f"/ui/pipelines/{DENSE}/clone", name=DENSE),
    ("GET", "/ui/pipelines/{ref}/delete"): of_pipelines("/ui/pipelines/{}/delete"),
    ("POST", "/ui/pipelines/{ref}/delete"): forms(f"/ui/pipelines/{DENSE}/delete", confirm="<" * 2_000),
    ("GET", "/ui/pipelines/{ref}/deployments"): of_pipelines("/ui/pipelines/{}/deployments"),
    ("GET", "/ui/pipelines/{ref}/edit"): of_pipelines("/ui/pipelines/{}/edit"),
    ("POST", "/ui/pipelines/{ref}/edit"): editions(f"/ui/pipelines/{DENSE}/edit"),
    ("POST", "/ui/pipelines/{ref}/edit/form"): stage_forms(f"/ui/pipelines/{DENSE}/edit/form"),
    ("POST", "/ui/pipelines/{ref}/edit/preview"): editions(f"/ui/pipelines/{DENSE}/edit/preview"),
    ("POST", "/ui/pipelines/{ref}/edit/review"): editions(f"/ui/pipelines/{DENSE}/edit/review"),
    ("GET", "/ui/pipelines/{ref}/pause"): of_pipelines("/ui/pipelines/{}/pause"),
    ("POST", "/ui/pipelines/{ref}/pause"): forms(f"/ui/pipelines/{DENSE}/pause", hours="1"),
    ("POST", "/ui/pipelines/{ref}/resume"): forms(f"/ui/pipelines/{DENSE}/resume"),
    ("GET", "/ui/pipelines/{ref}/revisions/{number}"): of_pipelines("/ui/pipelines/{}/revisions/1")
    + of_pipelines("/ui/pipelines/{}/revisions/2"),
    ("GET", "/ui/pipelines/{ref}/revisions/{number}/restore"): of_pipelines("/ui/pipelines/{}/revisions/1/restore"),
    ("POST", "/ui/pipelines/{ref}/revisions/{number}/restore"): forms(f"/ui/pipelines/{DENSE}/revisions/1/restore", expected="1"),
    ("GET", "/ui/pipelines/{ref}/schedules/{name}/pause"): one(f"{SCHEDULE}/pause"),
    ("POST", "/ui/pipelines/{ref}/schedules/{name}/pause"): forms(f"{SCHEDULE}/pause", hours="1"),
    ("GET", "/ui/pipelines/{ref}/schedules/{name}/resume"): one(f"{SCHEDULE}/resume"),
    ("POST", "/ui/pipelines/{ref}/schedules/{name}/resume"): forms(f"{SCHEDULE}/resume", catch_up="none"),
    ("POST", "/ui/pipelines/{ref}/schedules/{name}/run-now"): forms(f"{SCHEDULE}/run-now"),
    ("GET", "/ui/pipelines/{ref}/trigger"): of_pipelines("/ui/pipelines/{}/trigger"),
    ("POST", "/ui/pipelines/{ref}/trigger"): forms(f"/ui/pipelines/{FIELDS}/trigger", form="1"),
    ("POST", "/ui/pipelines/{ref}/unarchive"): forms(f"/ui/pipelines/{TEXTS}/unarchive"),
    ("GET", "/ui/prefect/flow-runs/{flow_run}"): one(f"/ui/prefect/flow-runs/{LONG}", "/ui/prefect/flow-runs/" + "0" * 100),
    ("GET", "/ui/cancel-runs"): one("/ui/cancel-runs", "/ui/cancel-runs?from=board", "/ui/cancel-runs?pipeline=" + LONG),
    ("POST", "/ui/cancel-runs"): forms("/ui/cancel-runs", key="k", left=",".join(["999999999"] * 20_000)),
    ("GET", "/ui/retry-runs"): one("/ui/retry-runs", "/ui/retry-runs?from=board", "/ui/retry-runs?pipeline=" + LONG),
    ("POST", "/ui/retry-runs"): forms("/ui/retry-runs", key="k", left=",".join(map(str, range(10**9, 10**9 + 500)))),
    ("GET", "/ui/runs"): [
        *one("/ui/runs", "/ui/runs?pipeline=" + LONG),
        WorstRequest("text", "/ui/runs", headers={"Accept": "text/plain"}),
    ],
    ("GET", "/ui/runs/{before_id}/compare/{after_id}"): one(*(f"/ui/runs/{run}/compare/{run}" for run in RUNS)),
    ("GET", "/ui/runs/{run_id}"): [
        *of_runs("/ui/runs/{}?view=graph"),
        *of_runs("/ui/runs/{}?view=waterfall"),
        *of_runs("/ui/runs/{}?view=list"),
        *one(f"/ui/runs/{FAILING_RUN}?q=x", f"/ui/runs/{FAILING_RUN}?q=nothing"),
        WorstRequest("text of 500 stages", f"/ui/runs/{DENSE_RUN}", headers={"Accept": "text/plain"}),
        WorstRequest("text of errors", f"/ui/runs/{FAILING_RUN}", headers={"Accept": "text/plain"}),
    ],
    ("GET", "/ui/runs/{run_id}/again"): of_runs("/ui/runs/{}/again"),
    ("POST", "/ui/runs/{run_id}/again"): forms(f"/ui/runs/{FIELDS_RUN}/again", form="1"),
    ("GET", "/ui/runs/{run_id}/cancel"): of_runs("/ui/runs/{}/cancel"),
    ("POST", "/ui/runs/{run_id}/cancel"): forms(f"/ui/runs/{TEXTS_RUN}/cancel"),
    ("GET", "/ui/runs/{run_id}/compare"): of_runs("/ui/runs/{}/compare"),
    ("GET", "/ui/runs/{run_id}/events"): of_runs("/ui/runs/{}/events"),
    ("GET", "/ui/runs/{run_id}/lines"): one(f"/ui/runs/{FAILING_RUN}/lines?after=0"),
    ("GET", "/ui/runs/{run_id}/log.txt"): one(f"/ui/runs/{FAILING_RUN}/log.txt"),
    ("GET", "/ui/runs/{run_id}/retry"): of_runs("/ui/runs/{}/retry"),
    ("POST", "/ui/runs/{run_id}/retry"): forms(f"/ui/runs/{FAILING_RUN}/retry"),
    ("GET", "/ui/runs/{run_id}/start-over-limit"): of_runs("/ui/runs/{}/start-over-limit"),
    ("POST", "/ui/runs/{run_id}/start-over-limit"): forms(f"/ui/runs/{TEXTS_RUN}/start-over-limit"),
    ("GET", "/ui/runs/{run_id}/stages/{stage}"): one(STAGE, f"/ui/runs/{APPROVAL_RUN}/stages/ask", f"/ui/runs/{DENSE_RUN}/stages/x499"),
    ("POST", "/ui/runs/{run_id}/stages/{stage}/cancel"): forms(f"{STAGE}/cancel"),
    ("POST", "/ui/runs/{run_id}/stages/{stage}/decide"): forms(f"/ui/runs/{APPROVAL_RUN}/stages/ask/decide", decision="approve"),
    ("GET", "/ui/runs/{run_id}/stages/{stage}/images/{index}"): one(f"{STAGE}/images/0"),
    ("POST", "/ui/runs/{run_id}/stages/{stage}/retry"): forms(f"{STAGE}/retry"),
    ("POST", "/ui/runs/{run_id}/stages/{stage}/skip"): forms(f"{STAGE}/skip"),
    ("GET", "/ui/schedule"): [
        *one("/ui/schedule", "/ui/schedule?view=week", "/ui/schedule?view=week&zone=Asia%2FKathmandu", f"/ui/schedule?day={LONG}"),
        WorstRequest("text", "/ui/schedule?view=week", headers={"Accept": "text/plain"}),
    ],
    ("GET", "/ui/sign-in"): one("/ui/sign-in?next=" + LONG),
    ("POST", "/ui/sign-in"): forms("/ui/sign-in", name="x", password="y"),
    ("GET", "/ui/sign-in/back"): one("/ui/sign-in/back?code=" + LONG),
    ("GET", "/ui/sign-in/provider"): one("/ui/sign-in/provider"),
    ("POST", "/ui/sign-out"): forms("/ui/sign-out"),
    ("GET", "/ui/system"): one("/ui/system"),
    ("GET", "/ui/tokens"): one("/ui/tokens"),
    ("POST", "/ui/tokens"): forms("/ui/tokens", name="x"),
    ("GET", "/ui/tokens/{token_id}"): one("/ui/tokens/1"),
    ("GET", "/ui/tokens/{token_id}/heard"): one("/ui/tokens/1/heard"),
    ("POST", "/ui/tokens/{token_id}/revoke"): forms("/ui/tokens/99/revoke"),
    ("GET", "/ui/waiting"): one("/ui/waiting", f"/ui/waiting?run={APPROVAL_RUN}&stage=ask"),
    ("POST", "/ui/waiting"): forms(f"/ui/waiting?run={APPROVAL_RUN}&stage=ask", decision="approve"),
    ("GET", "/waiting/"): one("/waiting/"),
    ("POST", "/worker/bursts/{rest:path}"): bodies("/worker/bursts/1", few_values("reports")),
    ("POST", "/worker/cancelled-in-prefect"): bodies("/worker/cancelled-in-prefect", few_values("flow_run_id")),
    ("POST", "/worker/dispatches/{run_id}/{epoch}/advance"): bodies(f"/worker/dispatches/{DENSE_RUN}/1/advance", advances()),
    ("POST", "/worker/dispatches/{run_id}/{epoch}/claim"): bodies(f"/worker/dispatches/{DENSE_RUN}/1/claim", few_values("worker_id")),
    ("POST", "/worker/dispatches/{run_id}/{epoch}/record"): bodies(f"/worker/dispatches/{DENSE_RUN}/1/record", few_values("worker_id")),
    ("POST", "/worker/dispatches/{run_id}/{epoch}/recorded"): bodies(
        f"/worker/dispatches/{DENSE_RUN}/1/recorded", few_values("flow_run_id")
    ),
    ("POST", "/worker/heartbeat"): bodies("/worker/heartbeat", heartbeats()),
    ("POST", "/worker/leave"): bodies("/worker/leave", few_values("worker_id")),
    ("POST", "/worker/logs"): bodies("/worker/logs", log_lines()),
    ("GET", "/worker/stream"): one("/worker/stream?worker_id=w&name=w&pool=headgate&slots=1"),
}
