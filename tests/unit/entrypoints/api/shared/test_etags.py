"""What has not changed is not sent again; an edit of what has changed is refused."""

import pytest

from tests.support.api_harness import ApiHarness

DEFINITION = {"name": "flights", "stages": [{"name": "certify", "kind": "external"}]}
PATHS = ["/pipelines/", "/pipelines/1", "/pipelines/1/stages", "/pipelines/1/runs", "/runs/", "/runs/1", "/runs/1/stages", "/runs/1/events"]


@pytest.mark.parametrize("path", PATHS)
async def test_what_the_caller_has_is_304_until_it_changes(house: ApiHarness, path: str) -> None:
    await house.create()
    await house.trigger()
    tag = (await house.client.get(path)).headers["etag"]

    same = await house.client.get(path, headers={"If-None-Match": f'"x", {tag}'})
    await house.report(pipeline_id="flights", stage_name="certify", status="running")
    changed = await house.client.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


async def test_any_etag_matches_a_star_and_rubbish_matches_nothing(house: ApiHarness) -> None:
    await house.create()

    assert (await house.client.get("/pipelines/1", headers={"If-None-Match": "*"})).status_code == 304
    assert (await house.client.get("/pipelines/1", headers={"If-None-Match": "rubbish, \"'"})).status_code == 200


async def test_an_edit_of_what_was_seen_is_taken_and_of_what_has_changed_is_412(house: ApiHarness) -> None:
    await house.create()
    seen = (await house.client.get("/pipelines/flights")).headers["etag"]

    mine = await house.client.put("/pipelines/flights", json={**DEFINITION, "description": "mine"}, headers={"If-Match": seen})
    theirs = await house.client.put("/pipelines/flights", json={**DEFINITION, "description": "theirs"}, headers={"If-Match": seen})
    after = await house.client.put(
        "/pipelines/flights", json={**DEFINITION, "description": "after"}, headers={"If-Match": mine.headers["etag"]}
    )

    assert (mine.status_code, theirs.status_code, after.status_code) == (200, 412, 200)
    assert theirs.headers["content-type"] == "application/problem+json"
    assert "flights is at revision 2 by now" in theirs.json()["detail"]
    assert (after.json()["revision"], after.json()["description"]) == (3, "after")


async def test_a_run_that_went_on_meanwhile_does_not_stop_an_edit(house: ApiHarness) -> None:
    await house.create()
    seen = (await house.client.get("/pipelines/1")).headers["etag"]
    await house.trigger()

    edit = await house.client.put("/pipelines/1", json={**DEFINITION, "description": "mine"}, headers={"If-Match": seen})

    assert edit.status_code == 200


@pytest.mark.parametrize(("given", "status"), [("*", 200), ('"1"', 200), ('"2"', 412), ("rubbish", 412), ('W/"1.0.0", "9"', 200)])
async def test_if_match_takes_lists_and_stars(house: ApiHarness, given: str, status: int) -> None:
    await house.create()

    edit = await house.client.put("/pipelines/1", json={**DEFINITION, "description": "mine"}, headers={"If-Match": given})

    assert edit.status_code == status


async def test_a_new_pipeline_comes_with_its_etag(house: ApiHarness) -> None:
    made = await house.client.post("/pipelines/", json=DEFINITION)

    assert made.headers["etag"] == (await house.client.get("/pipelines/1")).headers["etag"]
