"""Every route, by every kind of caller, against the one table."""

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
LISTED: set[tuple[str, str]] = {(method, route.path) for route in ROUTES for method in route.methods - {"HEAD"}}


def test_every_route_declares_its_access_rule() -> None:
    assert set(RULES) == LISTED


def test_the_public_routes_are_exactly_these() -> None:
    public = {path for (_, path), rule in RULES.items() if rule.requirement is AccessLevel.PUBLIC}

    assert public == {
        "/livez",
        "/readyz",
        "/static/{digest}/{name}",
        "/favicon.ico",
        "/ui/sign-in",
        "/ui/sign-in/provider",
        "/ui/sign-in/back",
    }


def test_a_path_has_the_rule_of_the_route_that_answers_it() -> None:
    table = RouteTable(ROUTES)

    for method, path in LISTED:
        if "{" not in path:
            assert table.find(method, path) == (RULES[method, path], {}), path


def test_no_route_that_changes_something_needs_only_read() -> None:
    for (method, path), rule in RULES.items():
        if method != "GET":
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
    """A Headgate where people sign in, and one caller of each kind: the headers they send."""

    headgate: InProcessHeadgate
    authenticator: dict[str, dict[str, str]]
    allowed: dict[str, frozenset[Permission]]
    run_id: int


@pytest.fixture
async def callers_fixture() -> AsyncIterator[Callers]:
    headgate = InProcessHeadgate(auth="team")
    async with headgate.client:
        authenticator: dict[str, dict[str, str]] = {"anonymous": {}}
        allowed: dict[str, frozenset[Permission]] = {}
        for role in Role:
            authenticator[f"role {role}"], allowed[f"role {role}"] = await headgate.api.sign_in(role), ROLE_PERMISSIONS[role]
        for scope in Scope:
            authenticator[f"scope {scope}"], allowed[f"scope {scope}"] = await headgate.api.create_token(scope), SCOPE_PERMISSIONS[scope]
        pipeline = await headgate.application.create_pipeline()({"name": "flights", "stages": [{"name": "certify", "kind": "external"}]})
        other = await headgate.application.create_pipeline()({"name": "other", "stages": [{"name": "certify", "kind": "external"}]})
        authenticator["bound"] = await headgate.api.create_token(Scope.READ, Scope.TRIGGER, Scope.REPORT, pipeline=other.name)
        headgate.client.headers.update(authenticator["role admin"])
        run_id = await headgate.api.trigger(pipeline.name)
        for name in authenticator["role admin"]:
            del headgate.client.headers[name]
        authenticator["worker"] = headgate.api.worker_headers
        authenticator["attempt"] = {
            "Authorization": f"Bearer {headgate.fakes.tokens.issue_attempt_token(AttemptClaims(run_id, 'certify', 1))}"
        }
        allowed["attempt"] = frozenset({Permission.REPORT})
        yield Callers(headgate, authenticator, allowed, run_id)


def _filled(path: str, run_id: int) -> str:
    values = {"pipeline_id": "flights", "ref": "flights", "id": str(run_id), "run_id": str(run_id), "stage": "certify", "epoch": "9"}
    values |= {"before_id": str(run_id), "after_id": str(run_id), "other": str(run_id)}
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], "1"), path)


def _spellings(path: str) -> Iterator[str]:
    """The same address as somebody might write it to get round a check."""
    yield path
    yield path[:-1] if path.endswith("/") and path != "/" else path + "/"
    yield path + "?a=/livez"
    last = path.rstrip("/").rpartition("/")[2]
    if last and last[0].isalpha():
        yield path[: path.rindex(last)] + f"%{ord(last[0]):02x}" + last[1:]


def _verdict(answer: Any) -> str:
    """What the check of permissions said; `let in` for everything the route itself answers."""
    if answer.status_code == 303 and answer.headers.get("location", "").startswith("/ui/sign-in"):
        return "sign in"
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    if answer.status_code == 401 and is_problem:
        return "sign in"
    if answer.status_code == 403 and is_problem and answer.json().get("problem") in ("not_allowed", "token_scope"):
        return "refused"
    return "let in"


def _expected(callers_fixture: Callers, who: str, method: str, path: str) -> str:
    rule = RULES[method, path]
    if rule.requirement is AccessLevel.PUBLIC:
        return "let in"
    if rule.requirement is AccessLevel.WORKER:
        return "let in" if who == "worker" else "sign in" if who == "anonymous" else "refused"
    if who == "anonymous":
        return "sign in"
    if rule.requirement is AccessLevel.SIGNED_IN:
        return "let in" if who.startswith("role") else "refused"
    if who == "bound":
        permissions = SCOPE_PERMISSIONS[Scope.READ] | SCOPE_PERMISSIONS[Scope.TRIGGER] | SCOPE_PERMISSIONS[Scope.REPORT]
        return "let in" if rule.requirement in permissions and rule.resource is ResourceScope.REPORT else "refused"
    return "let in" if rule.requirement in callers_fixture.allowed.get(who, frozenset()) else "refused"


WHO = ["anonymous", *(f"role {role}" for role in Role), *(f"scope {scope}" for scope in Scope), "bound", "worker", "attempt"]


@pytest.mark.parametrize("who", WHO)
async def test_every_route_allows_exactly_the_callers_of_its_rule(callers_fixture: Callers, who: str) -> None:
    asked = 0
    for method, path in sorted(LISTED):
        if _is_a_stream(path) or path == "/ui/sign-out":  # that would end the caller's session
            continue
        for spelling in _spellings(_filled(path, callers_fixture.run_id)):
            content = None if method == "GET" else b"{}"
            headers = {"Content-Type": "application/json", **callers_fixture.authenticator[who]}
            answer = await callers_fixture.headgate.client.request(method, spelling, headers=headers, content=content)
            expected = _expected(callers_fixture, who, method, path)
            if expected == "let in" and answer.status_code == 403:
                assert answer.json()["problem"] in ("not_allowed", "token_scope") and path in ("/ui/account", "/status-update/"), (
                    answer.text
                )
                continue
            assert _verdict(answer) == expected, (who, method, spelling, answer.status_code, answer.text[:200])
            asked += 1
    assert asked > 200


def _is_a_stream(path: str) -> bool:
    return path in ("/events/", "/worker/stream") or path.startswith("/ui/live/")


@pytest.mark.parametrize("who", WHO)
async def test_every_stream_allows_exactly_the_callers_of_its_rule(callers_fixture: Callers, who: str) -> None:
    for method, path in sorted(LISTED):
        if not _is_a_stream(path) or _expected(callers_fixture, who, method, path) == "let in":
            continue
        headers = {"Accept": "text/event-stream", **callers_fixture.authenticator[who]}
        answer = await callers_fixture.headgate.client.request(method, _filled(path, callers_fixture.run_id), headers=headers)
        assert _verdict(answer) == _expected(callers_fixture, who, method, path), (who, path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("who", WHO)
async def test_head_has_the_rule_of_get_and_options_needs_a_caller(callers_fixture: Callers, who: str, method: str) -> None:
    for listed, path in sorted(LISTED):
        if listed != "GET" or _is_a_stream(path):
            continue
        answer = await callers_fixture.headgate.client.request(
            method, _filled(path, callers_fixture.run_id), headers=callers_fixture.authenticator[who]
        )
        expected = _expected(callers_fixture, who, "GET", path)
        if method == "OPTIONS":
            assert answer.status_code == (
                401 if who == "anonymous" and RULES["GET", path].requirement is not AccessLevel.PUBLIC else 204
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
async def test_a_path_that_resembles_a_public_one_is_not_public(callers_fixture: Callers, path: str) -> None:
    assert (await callers_fixture.headgate.client.get(path)).status_code == 401


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


async def test_two_authorization_headers_are_invalid(callers_fixture: Callers) -> None:
    good = callers_fixture.authenticator["scope read"]["Authorization"]
    answer = await callers_fixture.headgate.client.get("/pipelines/", headers=[("Authorization", good), ("Authorization", good)])

    assert answer.status_code == 401


async def test_a_token_bound_to_a_pipeline_allows_only_that_one(callers_fixture: Callers) -> None:
    headgate, mine = (
        callers_fixture.headgate,
        await callers_fixture.headgate.api.create_token(Scope.READ, Scope.TRIGGER, Scope.REPORT, pipeline="flights"),
    )

    async def status(method: str, path: str, **sent: Any) -> int:
        return (await headgate.client.request(method, path, headers=mine, **sent)).status_code

    assert await status("POST", "/trigger/flights", json={}) == 202
    assert await status("GET", "/pipelines/flights/runs") == 200
    assert await status("GET", f"/runs/{callers_fixture.run_id}") == 200
    assert await status("POST", "/trigger/other", json={}) == 403
    assert await status("GET", "/runs/") == 403
    assert await status("GET", "/runs/987654") == 403
    assert (
        await status("POST", "/status-update/", json={"run_id": callers_fixture.run_id, "stage_name": "certify", "status": "running"})
        == 200
    )
    assert await status("POST", "/status-update/", json={"pipeline_id": "other", "status": "running"}) == 403
    assert await headgate.fakes.reader.runs(pipeline_id=2, status=None, skip=0, limit=9) == []


async def test_a_reporters_token_needs_only_a_status(callers_fixture: Callers) -> None:
    headgate = callers_fixture.headgate
    made = await headgate.application.create_token()(NewToken("cron", TokenKind.REPORTER, [Scope.REPORT], "other"), Actor("ada"))
    answer = await headgate.client.post("/status-update/", json={"status": "running"}, headers={"Authorization": f"Bearer {made.text}"})

    assert answer.json()["applied"] is True
    events = await headgate.fakes.reader.events(answer.json()["run_id"], 0, 9)
    assert {event.actor for event in events} <= {"token cron", None}
    assert any(event.actor == "token cron" for event in events)


async def test_an_attempts_token_ends_with_its_attempt(callers_fixture: Callers) -> None:
    headgate = callers_fixture.headgate
    operator = await headgate.api.sign_in(Role.OPERATOR)
    run_id = (await headgate.client.post("/trigger/flights", json={}, headers=operator)).json()["run_id"]
    token = {"Authorization": f"Bearer {headgate.fakes.tokens.issue_attempt_token(AttemptClaims(run_id, 'certify', 1))}"}
    done = await headgate.client.post("/status-update/", json={"status": "completed"}, headers=token)
    after = await headgate.client.post("/status-update/", json={"status": "failed"}, headers=token)

    assert done.json()["applied"] is True
    assert (after.status_code, after.json()["problem"]) == (409, "late_report")
