"""Revisions: their authors, their texts, and going back to one of them."""

from typing import Any

import httpx
import pytest

from domain.access.permissions import Role, Scope
from tests.support.in_process import InProcessHeadgate
from tests.unit.entrypoints.api.pipelines.test_yaml_definitions import read_source, send

FIRST = "# first\nname: flights\nstages:\n- {name: a, kind: external}\n"
SECOND = "# second\nname: flights\nstages:\n- {name: a, kind: external}\n- {name: b, kind: external}\n"
A = {"name": "a", "kind": "external"}


async def prepare(headgate: InProcessHeadgate) -> None:
    """Store two revisions with texts."""
    await send(headgate, "POST", "/pipelines/", FIRST)
    await send(headgate, "PUT", "/pipelines/flights", SECOND)


async def restore(headgate: InProcessHeadgate, number: int | str, **headers: str) -> httpx.Response:
    return await headgate.client.post(f"/pipelines/flights/revisions/{number}/restore", headers=headers)


async def list_revisions(headgate: InProcessHeadgate, query: str = "") -> list[dict[str, Any]]:
    answer = await headgate.client.get(f"/pipelines/flights/revisions{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def test_a_revision_is_read_with_what_it_changed(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)

    one = (await headgate.client.get("/pipelines/flights/revisions/2")).json()

    assert [(each["revision"], each["changes"]) for each in await list_revisions(headgate)] == [(2, ["added stage b"]), (1, [])]
    assert (one["revision"], one["changes"], one["restored_from"], one["created_by"]) == (2, ["added stage b"], None, None)
    assert [stage["name"] for stage in one["definition"]["stages"]] == ["a", "b"]
    assert (await headgate.client.get(one["links"]["source"])).text == SECOND
    for path in ("3", "99", "0", "x", "-1", str(2**31)):
        for end in ("", "/source"):
            assert (await headgate.client.get(f"/pipelines/flights/revisions/{path}{end}")).status_code in (404, 422)
    assert (await headgate.client.get("/pipelines/flights/revisions/3")).json()["detail"] == "There is no revision 3 in flights."
    assert (await headgate.client.get("/pipelines/nope/revisions")).status_code == 404


async def test_the_list_has_pages(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)
    for number in range(3, 6):
        await send(headgate, "PUT", "/pipelines/flights", f"{SECOND}# {number}\n")

    first = await headgate.client.get("/pipelines/flights/revisions?limit=2")
    second = await headgate.client.get(first.links["next"]["url"])
    third = await headgate.client.get(second.links["next"]["url"])

    assert [[each["revision"] for each in page.json()] for page in (first, second, third)] == [[5, 4], [3, 2], [1]]
    assert second.json()[1]["changes"] == ["added stage b"]
    assert "next" not in third.links
    for query in ("cursor=x", "cursor=PjE", "limit=0", "limit=101"):
        assert (await headgate.client.get(f"/pipelines/flights/revisions?{query}")).status_code == 422


async def test_a_restored_revision_has_the_definition_and_the_text_of_the_earlier_one(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)

    restored = await restore(headgate, 1)

    assert (restored.status_code, restored.json()["revision"], [s["name"] for s in restored.json()["stages"]]) == (200, 3, ["a"])
    assert await read_source(headgate, 3) == ("written", FIRST)
    newest = (await list_revisions(headgate))[0]
    assert (newest["revision"], newest["restored_from"], newest["changes"]) == (3, 1, ["removed stage b"])
    audit = (await headgate.client.get("/audit/")).json()
    assert audit[0]["details"] == {"revision": 3, "restored_from": 1}
    assert restored.headers["etag"] == (await headgate.client.get("/pipelines/flights")).headers["etag"]


async def test_restoring_what_is_newest_stores_nothing(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)

    same = await restore(headgate, 2)
    first = await restore(headgate, 1)
    again = await restore(headgate, 1)

    assert [each.json()["revision"] for each in (same, first, again)] == [2, 3, 3]
    assert [each.status_code for each in (same, first, again)] == [200, 200, 200]


async def test_a_revision_that_differs_by_comments_only_is_restored(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)
    await send(headgate, "PUT", "/pipelines/flights", SECOND.replace("# second\n", ""))

    restored = await restore(headgate, 2)

    assert restored.json()["revision"] == 4
    assert await read_source(headgate, 4) == ("written", SECOND)
    assert (await list_revisions(headgate))[0]["changes"] == []


async def test_a_revision_without_a_text_is_restored_by_its_definition(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", A)
    await send(headgate, "PUT", "/pipelines/flights", SECOND)

    restored = await restore(headgate, 1)

    assert restored.json()["revision"] == 3
    assert (await read_source(headgate, 3))[0] == "generated"


async def test_a_restored_name_is_the_name_again(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)
    await send(headgate, "PUT", "/pipelines/flights", SECOND.replace("name: flights", "name: trains"))

    restored = await restore(headgate, 1)

    assert restored.json()["name"] == "flights"
    await headgate.client.put("/pipelines/flights", json={"name": "trains", "stages": [A]})
    await headgate.api.create_pipeline("flights", A)
    refused = await headgate.client.post("/pipelines/trains/revisions/1/restore")
    assert (refused.status_code, refused.json()["problem"]) == (409, "name_taken")


async def test_a_restore_of_a_stale_revision_is_412(headgate: InProcessHeadgate) -> None:
    await send(headgate, "POST", "/pipelines/", FIRST)
    seen = (await headgate.client.get("/pipelines/flights")).headers["etag"]
    await send(headgate, "PUT", "/pipelines/flights", SECOND)

    refused = await restore(headgate, 1, **{"If-Match": seen})
    now = (await headgate.client.get("/pipelines/flights")).headers["etag"]
    accepted = await restore(headgate, 1, **{"If-Match": now})

    assert (refused.status_code, refused.json()["problem"]) == (412, "stale")
    assert (accepted.status_code, accepted.json()["revision"]) == (200, 3)


async def test_a_revision_that_is_not_valid_any_more_is_422(headgate: InProcessHeadgate) -> None:
    once = {"name": "once", "at": "2026-03-02T10:00"}
    await headgate.client.post("/pipelines/", json={"name": "flights", "stages": [{"name": "a", "command": ["x"]}], "schedules": [once]})
    await headgate.client.put("/pipelines/flights", json={"name": "flights", "stages": [A]})
    headgate.fakes.clock.advance(86_400)

    refused = await restore(headgate, 1)

    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["schedules[0].at"])
    assert (await headgate.client.get("/pipelines/flights")).json()["revision"] == 2


@pytest.mark.parametrize("number", ["9", "0", "x", str(2**31), str(10**30)])
async def test_an_unknown_revision_cannot_be_restored(headgate: InProcessHeadgate, number: str) -> None:
    await prepare(headgate)

    assert (await restore(headgate, number)).status_code in (404, 422)


async def test_a_restore_with_a_key_is_applied_once(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)

    first = await restore(headgate, 1, **{"Idempotency-Key": "k1"})
    await send(headgate, "PUT", "/pipelines/flights", SECOND)
    again = await restore(headgate, 1, **{"Idempotency-Key": "k1"})

    assert (first.json()["revision"], again.json()["revision"], again.headers["idempotency-replayed"]) == (3, 3, "true")
    assert (await headgate.client.get("/pipelines/flights")).json()["revision"] == 4


async def clone(headgate: InProcessHeadgate, body: Any, ref: str = "flights", **headers: str) -> httpx.Response:
    return await headgate.client.post(f"/pipelines/{ref}/clone", json=body, headers=headers)


async def test_a_clone_keeps_the_comments_under_its_own_name(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)

    answer = await clone(headgate, {"name": "copy"})

    assert (answer.status_code, answer.headers["location"]) == (201, "/pipelines/2")
    assert (answer.json()["name"], answer.json()["revision"], answer.json()["paused_at"]) == ("copy", 1, None)
    assert await read_source(headgate, 1, "copy") == ("written", SECOND.replace("name: flights", "name: copy"))
    assert (await headgate.client.get("/audit/")).json()[0]["details"] == {"id": 2, "cloned_from": "flights"}


async def test_a_clone_of_a_definition_in_json_has_no_text(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", A)

    assert (await clone(headgate, {"name": "copy"})).status_code == 201
    assert await read_source(headgate, 1, "copy") == ("generated", "name: copy\nstages:\n- {name: a, kind: external}\n")


@pytest.mark.parametrize(
    ("kind", "keys"), [("command", {"schedules": [{"name": "often", "every": "1m"}]}), ("external", {"expect": [{"cron": "@daily"}]})]
)
async def test_a_clone_that_would_act_by_itself_starts_paused(headgate: InProcessHeadgate, kind: str, keys: dict[str, Any]) -> None:
    stage = {"name": "a", "kind": kind} | ({"command": ["x"]} if kind == "command" else {})
    await headgate.client.post("/pipelines/", json={"name": "flights", "stages": [stage], **keys})

    answer = await clone(headgate, {"name": "copy"}, **{"Idempotency-Key": "k1"})
    again = await clone(headgate, {"name": "copy"}, **{"Idempotency-Key": "k1"})

    assert answer.json()["paused_at"] is not None
    assert again.json() == answer.json() and again.headers["etag"] == answer.headers["etag"]
    assert (await headgate.client.get("/pipelines/copy")).json()["paused_at"] == answer.json()["paused_at"]
    assert (await headgate.client.get("/pipelines/flights")).json()["paused_at"] is None
    for schedule in (await headgate.client.get("/pipelines/copy/schedules")).json():
        assert schedule["next_at"] is None
    resumed = await headgate.client.post("/pipelines/copy/resume")
    assert resumed.json()["paused_at"] is None


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "two words"}, {"name": 5}, {"name": "x", "stages": []}, {"name": "n" * 101}])
async def test_a_clone_needs_a_valid_name(headgate: InProcessHeadgate, body: Any) -> None:
    await prepare(headgate)

    refused = await clone(headgate, body)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] in ("name", "stages")


async def test_a_clone_needs_a_new_name_and_a_pipeline(headgate: InProcessHeadgate) -> None:
    await prepare(headgate)

    assert (await clone(headgate, {"name": "flights"})).status_code == 409
    assert (await clone(headgate, {"name": "copy"}, "nope")).status_code == 404


async def test_each_revision_names_who_created_it() -> None:
    headgate = InProcessHeadgate(auth="team")
    async with headgate.client:
        people = {name: await headgate.api.sign_in(Role.ADMIN, name) for name in ("ann", "bob", "cleo")}
        program = await headgate.api.create_token(Scope.DEFINE, Scope.READ)
        yaml = {"Content-Type": "application/yaml"}

        await headgate.client.post("/pipelines/", content=FIRST, headers=people["ann"] | yaml)
        await headgate.client.put("/pipelines/flights", content=SECOND, headers=people["bob"] | yaml)
        await headgate.client.post("/pipelines/flights/revisions/1/restore", headers=people["cleo"])
        await headgate.client.put("/pipelines/flights", content=SECOND.replace("flights", "trains"), headers=program | yaml)
        await headgate.client.post("/pipelines/trains/clone", json={"name": "copy"}, headers=people["bob"])
        answers = [await headgate.client.get(f"/pipelines/{name}/revisions", headers=program) for name in ("trains", "copy")]

    authors = [[(each["revision"], each["created_by"]) for each in answer.json()] for answer in answers]
    assert authors == [[(4, "token ci"), (3, "cleo"), (2, "bob"), (1, "ann")], [(1, "bob")]]


async def test_a_reader_cannot_restore_or_clone() -> None:
    headgate = InProcessHeadgate(auth="team")
    async with headgate.client:
        admin, viewer = await headgate.api.sign_in(Role.ADMIN), await headgate.api.sign_in(Role.VIEWER)
        await headgate.client.post("/pipelines/", json={"name": "flights", "stages": [A]}, headers=admin)

        source = await headgate.client.get("/pipelines/flights/revisions/1/source", headers=viewer)
        restored = await headgate.client.post("/pipelines/flights/revisions/1/restore", headers=viewer)
        cloned = await headgate.client.post("/pipelines/flights/clone", json={"name": "copy"}, headers=viewer)

    assert (source.status_code, restored.status_code, cloned.status_code) == (200, 403, 403)
