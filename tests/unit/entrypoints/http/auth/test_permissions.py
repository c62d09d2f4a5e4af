"""Every route, requested by every kind of caller, against its access rule."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from application.commands.access.create_token import NewToken
from application.ports.access.execution_tokens import AttemptClaims
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import ROLE_PERMISSIONS, SCOPE_PERMISSIONS, Permission, Role, Scope
from entrypoints.api.routers import PLAIN_ROUTES, ROUTERS
from entrypoints.http.auth.permissions import PIPELINE_PARAMETERS, RUN_PARAMETERS, AccessLevel, ResourceScope
from entrypoints.http.route_table import RouteTable
from entrypoints.web.router import ROUTERS as PAGES
from tests.support.in_process import InProcessHeadgate

ROUTES: list[Any] = [*PLAIN_ROUTES, *(route for router in (*ROUTERS, *PAGES) for route in router.routes)]
RULES = RouteTable(ROUTES).rules
COMPUTING_PATHS = {"/schedules/preview"}
"""Routes that take a body and change nothing."""
LISTED: set[tuple[str, str]] = {(method, route.path) for route in ROUTES for method in route.methods - {"HEAD"}}


def test_every_route_declares_its_access_rule() -> None:
    assert set(RULES) == LISTED


def test_the_public_routes_are_exactly_these() -> None:
    public = {path for (_, path), rule in RULES.items() if rule.requirement is AccessLevel.PUBLIC}

    assert public == {
        "/livez",
        "/readyz",
        "/schemas/pipeline.json",
        "/static/{digest}/{name}",
        "/favicon.ico",
        "/ui/sign-in",
        "/ui/sign-in/provider",
        "/ui/sign-in/back",
        "/ui/links/{token}",
    }


def test_a_path_has_the_rule_of_the_route_that_answers_it() -> None:
    table = RouteTable(ROUTES)

    for method, path in LISTED:
        if "{" not in path:
            assert table.find(method, path) == (RULES[method, path], {}), path


def test_no_route_that_changes_something_needs_only_read() -> None:
    for (method, path), rule in RULES.items():
        if method != "GET" and path not in COMPUTING_PATHS:
            assert rule.requirement is not Permission.READ, path


def test_a_route_with_a_resource_has_its_path_parameter() -> None:
    for (_, path), rule in RULES.items():
        names = re.findall(r"{(\w+)}", path)
        if rule.resource is ResourceScope.PIPELINE:
            assert any(name in PIPELINE_PARAMETERS for name in names), path
        if rule.resource is ResourceScope.RUN:
            assert any(name in RUN_PARAMETERS for name in names) and not any(name in PIPELINE_PARAMETERS for name in names), path


@dataclass
class Callers:
    """A Headgate that requires sign-in, and the headers of one caller of each kind."""

    headgate: InProcessHeadgate
    headers_by_caller: dict[str, dict[str, str]]
    allowed: dict[str, frozenset[Permission]]
    run_id: int


@pytest.fixture
async def callers() -> AsyncIterator[Callers]:
    headgate = InProcessHeadgate(auth="team")
    async with headgate.client:
        headers_by_caller: dict[str, dict[str, str]] = {"anonymous": {}}
        allowed: dict[str, frozenset[Permission]] = {}
        for role in Role:
            headers_by_caller[f"role {role}"], allowed[f"role {role}"] = await headgate.api.sign_in(role), ROLE_PERMISSIONS[role]
        for scope in Scope:
            headers_by_caller[f"scope {scope}"], allowed[f"scope {scope}"] = (
                await headgate.api.create_token(scope),
                SCOPE_PERMISSIONS[scope],
            )
        pipeline = await headgate.application.create_pipeline()({"name": "flights", "stages": [{"name": "certify", "kind": "external"}]})
        other = await headgate.application.create_pipeline()({"name": "other", "stages": [{"name": "certify", "kind": "external"}]})
        headers_by_caller["bound"] = await headgate.api.create_token(Scope.READ, Scope.TRIGGER, Scope.REPORT, pipeline=other.name)
        headgate.client.headers.update(headers_by_caller["role admin"])
        run_id = await headgate.api.trigger(pipeline.name)
        for name in headers_by_caller["role admin"]:
            del headgate.client.headers[name]
        headers_by_caller["worker"] = headgate.api.worker_headers
        made = await headgate.application.create_token()(NewToken("lab", TokenKind.WORKER, []), Actor("ada"))
        headers_by_caller["worker token"] = headgate.api.worker_headers | {"Authorization": f"Bearer {made.text}"}
        headers_by_caller["attempt"] = {
            "Authorization": f"Bearer {headgate.fakes.tokens.issue_attempt_token(AttemptClaims(run_id, 'certify', 1))}"
        }
        allowed["attempt"] = frozenset({Permission.REPORT})
        yield Callers(headgate, headers_by_caller, allowed, run_id)


def fill_parameters(path: str, run_id: int) -> str:
    values = {"pipeline_id": "flights", "ref": "flights", "id": str(run_id), "run_id": str(run_id), "stage": "certify", "epoch": "9"}
    values |= {"before_id": str(run_id), "after_id": str(run_id), "other": str(run_id)}
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], "1"), path)


def list_spellings(path: str) -> Iterator[str]:
    """Yield the path and other spellings of it, as an attacker might write it."""
    yield path
    yield path[:-1] if path.endswith("/") and path != "/" else path + "/"
    yield path + "?a=/livez"
    last = path.rstrip("/").rpartition("/")[2]
    if last and last[0].isalpha():
        yield path[: path.rindex(last)] + f"%{ord(last[0]):02x}" + last[1:]


def get_decision(answer: Any) -> str:
    """Return the decision of the authorization; `allowed` for every answer of the route itself."""
    if answer.status_code == 303 and answer.headers.get("location", "").startswith("/ui/sign-in"):
        return "sign in"
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    if answer.status_code == 401 and is_problem:
        return "sign in"
    if answer.status_code == 403 and is_problem and answer.json().get("problem") in ("not_allowed", "token_scope"):
        return "refused"
    return "allowed"


def get_expected_decision(callers: Callers, caller: str, method: str, path: str) -> str:
    rule = RULES[method, path]
    if rule.requirement is AccessLevel.PUBLIC:
        return "allowed"
    if rule.requirement is AccessLevel.WORKER:
        return "allowed" if caller in ("worker", "worker token") else "sign in" if caller == "anonymous" else "refused"
    if caller == "anonymous":
        return "sign in"
    if rule.requirement is AccessLevel.SIGNED_IN:
        return "allowed" if caller.startswith("role") else "refused"
    if caller == "bound":
        permissions = SCOPE_PERMISSIONS[Scope.READ] | SCOPE_PERMISSIONS[Scope.TRIGGER] | SCOPE_PERMISSIONS[Scope.REPORT]
        return "allowed" if rule.requirement in permissions and rule.resource is ResourceScope.REPORT else "refused"
    return "allowed" if rule.requirement in callers.allowed.get(caller, frozenset()) else "refused"


CALLERS = [
    "anonymous",
    *(f"role {role}" for role in Role),
    *(f"scope {scope}" for scope in Scope),
    "bound",
    "worker",
    "worker token",
    "attempt",
]


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_route_allows_exactly_the_callers_of_its_rule(callers: Callers, caller: str) -> None:
    checked = 0
    for method, path in sorted(LISTED):
        if is_stream(path) or path == "/ui/sign-out":  # it would end the session
            continue
        for spelling in list_spellings(fill_parameters(path, callers.run_id)):
            content = None if method == "GET" else b"{}"
            headers = {"Content-Type": "application/json", **callers.headers_by_caller[caller]}
            answer = await callers.headgate.client.request(method, spelling, headers=headers, content=content)
            expected = get_expected_decision(callers, caller, method, path)
            if expected == "allowed" and answer.status_code == 403:
                assert answer.json()["problem"] in ("not_allowed", "token_scope") and path in ("/ui/account", "/status-update/"), (
                    answer.text
                )
                continue
            assert get_decision(answer) == expected, (caller, method, spelling, answer.status_code, answer.text[:200])
            checked += 1
    assert checked > 200


def is_stream(path: str) -> bool:
    return path in ("/events/", "/worker/stream") or path.startswith("/ui/live/")


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_stream_allows_exactly_the_callers_of_its_rule(callers: Callers, caller: str) -> None:
    for method, path in sorted(LISTED):
        if not is_stream(path) or get_expected_decision(callers, caller, method, path) == "allowed":
            continue
        headers = {"Accept": "text/event-stream", **callers.headers_by_caller[caller]}
        answer = await callers.headgate.client.request(method, fill_parameters(path, callers.run_id), headers=headers)
        assert get_decision(answer) == get_expected_decision(callers, caller, method, path), (caller, path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("caller", CALLERS)
async def test_head_has_the_rule_of_get_and_options_needs_a_caller(callers: Callers, caller: str, method: str) -> None:
    for listed, path in sorted(LISTED):
        if listed != "GET" or is_stream(path):
            continue
        answer = await callers.headgate.client.request(
            method, fill_parameters(path, callers.run_id), headers=callers.headers_by_caller[caller]
        )
        expected = get_expected_decision(callers, caller, "GET", path)
        if method == "OPTIONS":
            assert answer.status_code == (
                401 if caller == "anonymous" and RULES["GET", path].requirement is not AccessLevel.PUBLIC else 204
            ), path
        else:
            assert answer.status_code in ((401,) if expected == "sign in" else (403,) if expected == "refused" else range(200, 600)), path
            assert answer.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/livez/x",
        "/livez.json",
        "/LIVEZ",
        "/static/../pipelines/",
        "/ui/sign-in/x",
        "//pipelines/",
        "/x/livez",
        "/;/livez",
    ],
)
async def test_a_path_that_resembles_a_public_one_is_not_public(callers: Callers, path: str) -> None:
    assert (await callers.headgate.client.get(path)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer nothing",
        "Bearer",
        "Bearer ",
        "bearer hg_api_x",
        "Basic YWRtaW46YWRtaW4=",
        "Token x",
        "null",
        "",
        "Bearer undefined",
        "Bearer hg1.e30.x",
    ],
)
@pytest.mark.parametrize("auth", ["none", "team"])
async def test_an_invalid_credential_is_never_ignored(auth: str, header: str) -> None:
    headgate = InProcessHeadgate(auth=auth)
    async with headgate.client:
        answer = await headgate.client.get("/pipelines/", headers={"Authorization": header})

    assert (answer.status_code, answer.json()["problem"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_two_authorization_headers_are_invalid(callers: Callers) -> None:
    good = callers.headers_by_caller["scope read"]["Authorization"]
    answer = await callers.headgate.client.get("/pipelines/", headers=[("Authorization", good), ("Authorization", good)])

    assert answer.status_code == 401


async def test_a_token_bound_to_a_pipeline_allows_only_that_one(callers: Callers) -> None:
    headgate, mine = (
        callers.headgate,
        await callers.headgate.api.create_token(Scope.READ, Scope.TRIGGER, Scope.REPORT, pipeline="flights"),
    )

    async def status(method: str, path: str, **sent: Any) -> int:
        return (await headgate.client.request(method, path, headers=mine, **sent)).status_code

    assert await status("POST", "/trigger/flights", json={}) == 202
    assert await status("GET", "/pipelines/flights/runs") == 200
    assert await status("GET", f"/runs/{callers.run_id}") == 200
    assert await status("POST", "/trigger/other", json={}) == 403
    assert await status("GET", "/runs/") == 403
    assert await status("GET", "/runs/987654") == 403
    assert await status("POST", "/status-update/", json={"run_id": callers.run_id, "stage_name": "certify", "status": "running"}) == 200
    assert await status("POST", "/status-update/", json={"pipeline_id": "other", "status": "running"}) == 403
    assert await headgate.fakes.reader.runs(pipeline_id=2, status=None, skip=0, limit=9) == []


async def test_a_reporters_token_needs_only_a_status(callers: Callers) -> None:
    headgate = callers.headgate
    made = await headgate.application.create_token()(NewToken("cron", TokenKind.REPORTER, [Scope.REPORT], "other"), Actor("ada"))
    answer = await headgate.client.post("/status-update/", json={"status": "running"}, headers={"Authorization": f"Bearer {made.text}"})

    assert answer.json()["applied"] is True
    events = await headgate.fakes.reader.events(answer.json()["run_id"], 0, 9)
    assert {event.actor for event in events} <= {"token cron", None}
    assert any(event.actor == "token cron" for event in events)


async def test_an_attempts_token_ends_with_its_attempt(callers: Callers) -> None:
    headgate = callers.headgate
    operator = await headgate.api.sign_in(Role.OPERATOR)
    run_id = (await headgate.client.post("/trigger/flights", json={}, headers=operator)).json()["run_id"]
    token = {"Authorization": f"Bearer {headgate.fakes.tokens.issue_attempt_token(AttemptClaims(run_id, 'certify', 1))}"}
    done = await headgate.client.post("/status-update/", json={"status": "completed"}, headers=token)
    after = await headgate.client.post("/status-update/", json={"status": "failed"}, headers=token)

    assert done.json()["applied"] is True
    assert (after.status_code, after.json()["problem"]) == (409, "late_report")


async def test_a_worker_token_is_valid_until_it_is_revoked(callers: Callers) -> None:
    headgate = callers.headgate
    admin = await headgate.api.sign_in(Role.ADMIN)
    made = await headgate.client.post("/tokens/", json={"name": "lab2", "kind": "worker"}, headers=admin)
    worker = headgate.api.worker_headers | {"Authorization": f"Bearer {made.json()['token']}"}
    beat = {"worker_id": "w-1", "name": "w", "pool": "headgate", "slots": 1, "free": 1}

    async def send_heartbeat() -> int:
        return (await headgate.client.post("/worker/heartbeat", json=beat, headers=worker)).status_code

    assert made.status_code == 201
    assert await send_heartbeat() == 200
    twin = await headgate.client.post("/tokens/", json={"name": "lab2", "kind": "worker"}, headers=admin)
    assert (twin.status_code, "belongs to an active worker token" in twin.text) == (422, True)
    assert (await headgate.client.delete(f"/tokens/{made.json()['id']}", headers=admin)).status_code == 200
    assert await send_heartbeat() == 401
    assert (await headgate.client.post("/tokens/", json={"name": "lab2", "kind": "worker"}, headers=admin)).status_code == 201
