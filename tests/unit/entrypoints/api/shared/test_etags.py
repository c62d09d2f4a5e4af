"""Unchanged resources are 304, and edits of stale revisions are 412."""

import pytest

from tests.support.in_process import InProcessHeadgate

DEFINITION = {"name": "flights", "stages": [{"name": "certify", "kind": "external"}]}
PATHS = ["/pipelines/", "/pipelines/1", "/pipelines/1/stages", "/pipelines/1/runs", "/runs/", "/runs/1", "/runs/1/stages", "/runs/1/events"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_current_copy_is_304_until_the_resource_changes(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()
    tag = (await headgate.client.get(path)).headers["etag"]

    same = await headgate.client.get(path, headers={"If-None-Match": f'"x", {tag}'})
    await headgate.api.report(pipeline_id="flights", stage_name="certify", status="running")
    changed = await headgate.client.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


async def test_a_star_matches_any_etag_and_an_invalid_tag_none(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    assert (await headgate.client.get("/pipelines/1", headers={"If-None-Match": "*"})).status_code == 304
    assert (await headgate.client.get("/pipelines/1", headers={"If-None-Match": "rubbish, \"'"})).status_code == 200


async def test_an_edit_of_a_stale_revision_is_412(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    seen = (await headgate.client.get("/pipelines/flights")).headers["etag"]

    mine = await headgate.client.put("/pipelines/flights", json={**DEFINITION, "description": "mine"}, headers={"If-Match": seen})
    theirs = await headgate.client.put("/pipelines/flights", json={**DEFINITION, "description": "theirs"}, headers={"If-Match": seen})
    after = await headgate.client.put(
        "/pipelines/flights", json={**DEFINITION, "description": "after"}, headers={"If-Match": mine.headers["etag"]}
    )

    assert (mine.status_code, theirs.status_code, after.status_code) == (200, 412, 200)
    assert theirs.headers["content-type"] == "application/problem+json"
    assert "flights is at revision 2 now" in theirs.json()["detail"]
    assert (after.json()["revision"], after.json()["description"]) == (3, "after")


async def test_progress_of_a_run_does_not_prevent_an_edit(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    seen = (await headgate.client.get("/pipelines/1")).headers["etag"]
    await headgate.api.trigger()

    edit = await headgate.client.put("/pipelines/1", json={**DEFINITION, "description": "mine"}, headers={"If-Match": seen})

    assert edit.status_code == 200


@pytest.mark.parametrize(("given", "status"), [("*", 200), ('"1"', 200), ('"2"', 412), ("rubbish", 412), ('W/"1.0.0", "9"', 200)])
async def test_if_match_accepts_lists_and_stars(headgate: InProcessHeadgate, given: str, status: int) -> None:
    await headgate.api.create_pipeline()

    edit = await headgate.client.put("/pipelines/1", json={**DEFINITION, "description": "mine"}, headers={"If-Match": given})

    assert edit.status_code == status


async def test_a_created_pipeline_has_its_etag(headgate: InProcessHeadgate) -> None:
    made = await headgate.client.post("/pipelines/", json=DEFINITION)

    assert made.headers["etag"] == (await headgate.client.get("/pipelines/1")).headers["etag"]
