"""Runs in paths, named as people name them: `etl#12`."""

import re
from typing import Any

import pytest

from domain.access.permissions import Role, Scope
from entrypoints.http.auth.permissions import RUN_PARAMETERS, ResourceScope
from tests.support.in_process import InProcessHeadgate

RULES = InProcessHeadgate().app.state.routes.rules
ROUTES = sorted((method, path) for (method, path), rule in RULES.items() if rule.resource is ResourceScope.RUN)
NAME = "flights%231"


def fill(path: str, run: object) -> str:
    """Return the path with the run in it, and with the stage that the pipeline has."""
    named = "|".join([*RUN_PARAMETERS, "other"])
    return re.sub(rf"{{(?:{named})}}", str(run), path).replace("{stage}", "certify").replace("{index}", "0")


@pytest.fixture
async def run_id(headgate: InProcessHeadgate) -> int:
    await headgate.api.create_pipeline("other")
    await headgate.api.trigger("other")
    await headgate.api.create_pipeline()
    return await headgate.api.trigger()


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "/live/" not in route[1]])
async def test_every_route_of_a_run_answers_the_name_as_it_answers_the_id(
    headgate: InProcessHeadgate, run_id: int, method: str, path: str
) -> None:
    named = await headgate.client.request(method, fill(path, NAME))
    if method == "GET" and path.startswith("/ui/"):
        assert (named.status_code, named.headers["location"]) == (303, fill(path, run_id))
        return

    unknown = await headgate.client.request(method, fill(path, "flights%239"))
    by_id = await headgate.client.request(method, fill(path, run_id))

    assert unknown.status_code == 404
    assert (named.status_code == 404) == (by_id.status_code == 404), "an action may be refused the second time"


async def test_a_name_selects_the_run_of_that_number(headgate: InProcessHeadgate, run_id: int) -> None:
    second = await headgate.api.trigger()

    found = [(await headgate.client.get(f"/runs/{name}")).json()["id"] for name in ("flights%231", "flights%232", "other%231")]

    assert found == [run_id, second, 1]


async def test_the_page_of_a_name_keeps_its_query_and_the_base_path(run_id: int) -> None:
    headgate = InProcessHeadgate(url="http://localhost:8000/headgate")
    async with headgate.client:
        await headgate.api.create_pipeline()
        first = await headgate.api.trigger()
        answer = await headgate.page_client.get(f"/headgate/ui/runs/{NAME}?view=list&stage=certify%20x")

    assert answer.headers["location"] == f"/headgate/ui/runs/{first}?view=list&stage=certify%20x"


async def test_runs_are_compared_and_searched_by_name(headgate: InProcessHeadgate, run_id: int) -> None:
    second = await headgate.api.trigger()

    targets = [
        (await headgate.page_client.get(path)).headers["location"]
        for path in (
            f"/ui/runs/{NAME}/compare/flights%232",
            f"/ui/runs/{second}/compare?with={NAME}",
            "/ui/runs?pipeline=flights%232",
        )
    ]

    assert targets == [f"/ui/runs/{run_id}/compare/{second}"] * 2 + [f"/ui/runs/{second}"]


async def test_a_renamed_pipelines_old_name_still_names_its_runs(headgate: InProcessHeadgate, run_id: int) -> None:
    stages: list[dict[str, Any]] = [{"name": "certify", "kind": "external"}]
    await headgate.client.put("/pipelines/flights", json={"name": "departures", "stages": stages})

    found = [(await headgate.client.get(f"/runs/{name}%231")).json()["id"] for name in ("flights", "departures")]

    assert found == [run_id, run_id]


@pytest.mark.parametrize("name", ["flights%239", "nobody%231", "flights%230", "flights%23", "%231", "flights%23x"])
async def test_an_unknown_name_is_not_found_in_one_sentence(headgate: InProcessHeadgate, run_id: int, name: str) -> None:
    answer = await headgate.client.get(f"/runs/{name}")
    page = await headgate.page_client.get(f"/ui/runs/{name}")

    text = name.replace("%23", "#")
    assert (answer.status_code, answer.json()["detail"]) == (404, f"There is no run {text}.")
    assert page.status_code == 404 and f"There is no run {text}." in page.text


async def test_a_token_of_another_pipeline_does_not_learn_which_names_exist() -> None:
    headgate = InProcessHeadgate(auth="team")
    async with headgate.client:
        admin = await headgate.api.sign_in(Role.ADMIN)
        for name in ("flights", "other"):
            body = {"name": name, "stages": [{"name": "certify", "kind": "external"}]}
            await headgate.client.post("/pipelines/", json=body, headers=admin)
            await headgate.client.post(f"/trigger/{name}", headers=admin)
        token = await headgate.api.create_token(Scope.READ, pipeline="other")

        own = await headgate.client.get("/runs/other%231", headers=token)
        refused = [await headgate.client.get(f"/runs/flights%23{number}", headers=token) for number in (1, 9)]
        pages = [await headgate.client.get(f"/ui/runs/flights%23{number}") for number in (1, 9)]

    assert own.status_code == 200
    assert len({answer.json()["detail"].replace("#9", "#1") for answer in refused}) == 1
    assert {answer.status_code for answer in refused} == {403} and {answer.status_code for answer in pages} == {401}


async def test_a_name_is_unavailable_while_the_database_is(headgate: InProcessHeadgate, run_id: int) -> None:
    headgate.fakes.store.is_down = True

    assert (await headgate.client.get(f"/runs/{NAME}")).status_code == 503
