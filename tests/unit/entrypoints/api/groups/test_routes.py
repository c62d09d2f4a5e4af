"""Concurrency groups over the API."""

import httpx
import pytest

from domain.access.permissions import Role
from entrypoints.api.groups.models import GroupDetailResponse, GroupResponse
from tests.support.in_process import InProcessHeadgate
from tests.support.limited_pipelines import LOAD, add_limited_pipelines, trigger


async def a_headgate(limit: int = 1, runs: int = 3) -> tuple[InProcessHeadgate, list[int]]:
    headgate = InProcessHeadgate()
    await add_limited_pipelines(headgate, limit)
    return headgate, [await trigger(headgate) for _ in range(runs)]


async def put_limit(headgate: InProcessHeadgate, limit: object, name: str = "warehouse", **headers: str) -> httpx.Response:
    return await headgate.client.put(f"/groups/{name}", json={"limit": limit}, headers=headers)


async def test_a_group_lists_its_holders_and_its_queue_in_order() -> None:
    headgate, (first, second, third) = await a_headgate()
    urgent = await trigger(headgate, priority=5)

    group = (await headgate.client.get("/groups/warehouse")).json()

    assert (group["limit"], group["held"], group["waiting"], group["set_by"]) == (1, 1, 3, None)
    assert [(each["run_id"], each["pipeline"], each["stage"], each["over_limit"]) for each in group["holders"]] == [
        (first, "sales", None, False)
    ]
    assert [(each["position"], each["run_id"], each["priority"]) for each in group["queue"]] == [
        (1, urgent, 5),
        (2, second, 0),
        (3, third, 0),
    ]
    assert [(use["pipeline"], use["limit"], use["by_run"], use["stages"]) for use in group["pipelines"]] == [
        ("reports", None, False, 1),
        ("sales", 1, True, 0),
    ]
    assert group["links"] == {"self": "/groups/warehouse", "page": "/ui/groups/warehouse"}
    assert GroupDetailResponse.model_validate(group)


async def test_a_stage_that_uses_a_group_waits_by_its_name() -> None:
    headgate, _ = await a_headgate(runs=1)
    report = await trigger(headgate, "reports")

    (wait,) = (await headgate.client.get("/groups/warehouse")).json()["queue"]

    assert (wait["run_id"], wait["stage"]) == (report, "load")


async def test_the_list_is_by_name_and_has_pages() -> None:
    headgate = InProcessHeadgate()
    for name in ("mail", "gpu", "warehouse"):
        await headgate.api.create_pipeline(f"uses-{name}", LOAD, concurrency=[{"group": name, "limit": 2}])

    page = await headgate.client.get("/groups/", params={"limit": 2})
    rest = await headgate.client.get(page.links["next"]["url"])

    assert [GroupResponse.model_validate(each).name for each in page.json()] == ["gpu", "mail"]
    assert ([each["name"] for each in rest.json()], rest.links) == (["warehouse"], {})


@pytest.mark.parametrize("cursor", ["!", "_____", "a"])
async def test_a_cursor_that_no_list_issued_is_invalid(cursor: str) -> None:
    answer = await InProcessHeadgate().client.get("/groups/", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("name", ["nothing", "%00", "a%20b", "x" * 101])
async def test_an_unknown_group_is_not_found(name: str) -> None:
    headgate = InProcessHeadgate()

    assert (await headgate.client.get(f"/groups/{name}")).status_code in (404, 422)
    assert (await headgate.client.get(f"/ui/groups/{name}")).status_code == 404


async def test_a_raised_limit_starts_the_next_runs_and_a_lowered_one_ends_none() -> None:
    headgate, (_, second, third) = await a_headgate()

    raised = (await put_limit(headgate, 2)).json()
    await headgate.application.grant_service().run_once()
    lowered = (await put_limit(headgate, 1)).json()

    assert (raised["limit"], raised["set_by"]) == (2, "an admin")
    assert (lowered["limit"], lowered["held"], [each["run_id"] for each in lowered["queue"]]) == (1, 2, [third])
    assert (await headgate.client.get(f"/runs/{second}")).json()["reason"] is None


async def test_null_gives_the_limit_back_to_the_definitions() -> None:
    headgate, _ = await a_headgate(limit=3)

    assert (await put_limit(headgate, 7)).json()["limit"] == 7
    assert (await put_limit(headgate, None)).json()["limit"] == 3


@pytest.mark.parametrize("limit", [0, -1, 10_001, "4", 1.5, True])
async def test_an_invalid_limit_is_refused_by_name(limit: object) -> None:
    headgate, _ = await a_headgate(runs=0)

    answer = await put_limit(headgate, limit)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["limit"])


async def test_only_an_admin_sets_a_limit() -> None:
    headgate = InProcessHeadgate(auth="team")
    for role, status in ((Role.VIEWER, 403), (Role.OPERATOR, 403)):
        answer = await put_limit(headgate, 4, **await headgate.api.sign_in(role))
        assert (answer.status_code, answer.json()["detail"]) == (status, "This requires the role admin.")


async def test_a_run_over_the_limit_says_so_everywhere() -> None:
    headgate, (_, second, _) = await a_headgate()

    answer = await headgate.client.post(f"/runs/{second}/start-over-limit")

    assert (answer.status_code, answer.json()["applied"]) == (202, True)
    run = (await headgate.client.get(f"/runs/{second}")).json()
    assert (run["over_limit"], run["reason"]) == (True, None)
    group = (await headgate.client.get("/groups/warehouse")).json()
    assert (group["held"], [each["over_limit"] for each in group["holders"]]) == (2, [False, True])
    again = await headgate.client.post(f"/runs/{second}/start-over-limit")
    assert (again.status_code, again.json()["problem"]) == (409, "not_limited")


async def test_a_start_over_the_limit_with_a_key_is_applied_once() -> None:
    headgate, (_, second, _) = await a_headgate()
    key = {"Idempotency-Key": "once"}

    first = await headgate.client.post(f"/runs/{second}/start-over-limit", headers=key)
    again = await headgate.client.post(f"/runs/{second}/start-over-limit", headers=key)

    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_one_stage_starts_over_the_limit() -> None:
    headgate, _ = await a_headgate(runs=1)
    report = await trigger(headgate, "reports")

    unknown = await headgate.client.post(f"/runs/{report}/start-over-limit", json={"stage": "nothing"})
    answer = await headgate.client.post(f"/runs/{report}/start-over-limit", json={"stage": "load"})

    assert (unknown.status_code, answer.status_code, answer.json()["stages"]) == (404, 202, ["load"])


async def test_a_trigger_may_start_over_the_limit_and_have_a_priority() -> None:
    headgate, _ = await a_headgate(runs=1)

    run_id = await trigger(headgate, over_limit=True, priority=-100)

    run = (await headgate.client.get(f"/runs/{run_id}")).json()
    assert (run["priority"], run["over_limit"], run["reason"]) == (-100, True, None)


@pytest.mark.parametrize("priority", [101, -101, "5", 1.5])
async def test_an_invalid_priority_is_refused_by_name(priority: object) -> None:
    headgate, _ = await a_headgate(runs=0)

    answer = await headgate.client.post("/trigger/sales", json={"priority": priority})

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["priority"])


async def test_a_waiting_run_says_why() -> None:
    headgate, (_, second, _) = await a_headgate()

    run = (await headgate.client.get(f"/runs/{second}")).json()

    assert (run["status"], run["reason"]) == ("queued", "limit")
    assert run["why"] == "Waits for warehouse: 1 of 1 is held by sales#1; 1st in line."


async def test_a_limit_that_skips_answers_with_the_holders() -> None:
    headgate = InProcessHeadgate()
    await headgate.api.create_pipeline("sales", LOAD, concurrency=[{"limit": 1, "when_full": "skip"}])
    await trigger(headgate)

    answer = await headgate.client.post("/trigger/sales", json={})

    assert (answer.status_code, answer.json()["problem"], answer.json()["title"]) == (409, "limit_full", "Concurrency limit reached")
    assert answer.json()["detail"] == "sales was not started: the only slot is held by run 1."
