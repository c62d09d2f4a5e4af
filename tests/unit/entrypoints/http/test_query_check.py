"""Every route of the API refuses query parameters that it does not know. Pages, sign-in and probes ignore them."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from entrypoints.api.routers import PLAIN_ROUTES, ROUTERS
from entrypoints.api.shared.routing import ApiRoute
from entrypoints.api.system import docs_routes
from entrypoints.http.auth.permissions import AccessLevel
from tests.support.in_process import InProcessHeadgate
from tests.unit.entrypoints.http.test_every_route import RULES, fill, headers_for, is_stream, make_headgate

API_ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
DOCUMENTS = {route.path for route in docs_routes.router.routes if isinstance(route, APIRoute)}
CHECKED = sorted(
    {(method, route.path) for route in [*API_ROUTES, *PLAIN_ROUTES] for method in route.methods or () if method != "HEAD"}
    - {key for key, rule in RULES.items() if rule.requirement is AccessLevel.PUBLIC or key[1] in DOCUMENTS}
)
IGNORING = sorted(key for key in RULES if key not in CHECKED and key[0] == "GET" and not is_stream(key[1]))


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    return await make_headgate(is_observed=False)


def find_errors(answer: Any) -> list[tuple[str, str]]:
    return [(error["field"], error["message"]) for error in answer.json()["errors"]]


async def test_every_route_of_the_api_refuses_an_unknown_parameter(headgate: InProcessHeadgate) -> None:
    for method, path in CHECKED:
        url, headers = f"{fill(path)}?stauts=failed", headers_for(headgate, path)

        answer = await headgate.client.request(method, url, headers=headers)

        assert answer.status_code == 422, (method, path)
        ((field, message),) = find_errors(answer)
        assert field == "stauts", (method, path)
        assert message.startswith("unknown query parameter; "), (method, path)


async def test_pages_documents_and_probes_ignore_unknown_parameters(headgate: InProcessHeadgate) -> None:
    for method, path in IGNORING:
        plain = await headgate.client.request(method, fill(path))

        answer = await headgate.client.request(method, f"{fill(path)}?utm_source=mail&utm_source=x")

        assert answer.status_code == plain.status_code, path


def test_the_walk_covers_the_application() -> None:
    assert all(isinstance(route, ApiRoute) for route in API_ROUTES if route.path not in DOCUMENTS)
    assert len(CHECKED) > 40
    assert ("POST", "/status-update/") in CHECKED
    assert ("POST", "/worker/dispatches/{run_id}/{epoch}/advance") in CHECKED
    assert {"/livez", "/readyz", "/docs", "/ui/runs"} <= {path for _, path in IGNORING}


@pytest.mark.parametrize(
    ("url", "errors"),
    [
        ("/runs/?stauts=failed", {"stauts": "did you mean status?"}),
        ("/runs/?Status=failed", {"Status": "did you mean status?"}),
        ("/runs/?status%20=failed", {"status ": "did you mean status?"}),
        ("/runs/?limt=5&offset=3", {"limt": "did you mean limit?", "offset": "known parameters: cursor, limit, "}),
        ("/runs/?page=2", {"page": "known parameters: "}),
        ("/runs/?x", {"x": "known parameters: "}),
        ("/runs/?=1", {"body": "known parameters: "}),
        ("/runs/1?stage=a", {"stage": "this route takes none"}),
        ("/runs/1/logs?stge=certify", {"stge": "did you mean stage?"}),
        ("/pipelines/?limit=1&limit=2", {"limit": "must be set only once"}),
        ("/runs/?limit=1&skip=0&limit=1", {"limit": "must be set only once"}),
        ("/runs/?status=failed&status=running", {"status": "must be set only once"}),
        ("/runs/?status=&status=", {"status": "must be set only once"}),
        ("/runs/?%00=1", {"\ufffd": "known parameters: "}),
        ("/runs/?" + "y" * 200 + "=1", {"y" * 60: "known parameters: "}),
    ],
)
async def test_unknown_and_repeated_parameters_are_named(headgate: InProcessHeadgate, url: str, errors: dict[str, str]) -> None:
    answer = await headgate.client.get(url)

    assert answer.status_code == 422
    found = dict(find_errors(answer))
    assert found.keys() == errors.keys()
    assert all(message in found[name] for name, message in errors.items())


@pytest.mark.parametrize("url", ["/runs/?", "/runs/?limit=5", "/runs/?limit=5&status=failed", "/runs/?&&", "/runs?limit=5"])
async def test_known_parameters_are_accepted(headgate: InProcessHeadgate, url: str) -> None:
    assert (await headgate.client.get(url)).status_code == 200


async def test_many_unknown_parameters_are_answered_with_the_first_ones(headgate: InProcessHeadgate) -> None:
    answer = await headgate.client.get("/runs/?" + "&".join(f"a{i}=1" for i in range(1_000)))

    assert len(find_errors(answer)) == 20


async def test_the_links_of_a_list_are_accepted(headgate: InProcessHeadgate) -> None:
    for _ in range(3):
        await headgate.api.trigger()
    url = "/runs/?limit=1&status=pending"

    for _ in range(3):
        page = await headgate.client.get(url)
        assert page.status_code == 200
        found = re.search(r'<([^>]+)>; rel="next"', page.headers.get("link", ""))
        url = found[1] if found else "/runs/"
