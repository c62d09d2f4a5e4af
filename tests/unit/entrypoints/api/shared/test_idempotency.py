"""A request repeated with its key has no further effect and returns the first response."""

import asyncio
from typing import Any

import httpx
import pytest

from domain.access.permissions import Scope
from tests.support.in_process import InProcessHeadgate

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
DEFINITION = {"name": "flights", "stages": [{"name": "certify", "kind": "external"}]}
FREE = {"type": "object"}
KEPT = ("location", "etag", "content-type")


async def post(headgate: InProcessHeadgate, path: str, body: Any, **headers: str) -> httpx.Response:
    return await headgate.client.post(path, json=body, headers={**KEY, **headers})


async def prepare(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", parameters=FREE)
    await headgate.api.create_pipeline("other")
    await headgate.api.trigger("other")


POSTS: list[tuple[str, Any, Any]] = [
    ("/pipelines/", {**DEFINITION, "name": "new"}, {**DEFINITION, "name": "newer"}),
    ("/trigger/flights", {"parameters": {"month": 6}}, {"parameters": {"month": 7}}),
    ("/runs/1/cancel", {"message": "enough"}, {"message": "more"}),
    ("/status-update/", {"pipeline_id": "other", "status": "running", "message": "a"}, {"pipeline_id": "other", "status": "failed"}),
    ("/status-update/batch", {"updates": [{"pipeline_id": "other", "status": "failed"}, {}]}, {"updates": []}),
]


@pytest.mark.parametrize(("path", "body", "other"), POSTS, ids=[path for path, _, _ in POSTS])
async def test_every_post_with_a_key_is_applied_once(headgate: InProcessHeadgate, path: str, body: Any, other: Any) -> None:
    await prepare(headgate)

    first = await post(headgate, path, body)
    events = len(headgate.fakes.store.journal)
    again = await post(headgate, path, body)

    assert first.is_success, first.text
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert [again.headers.get(name) for name in KEPT] == [first.headers.get(name) for name in KEPT]
    assert len(headgate.fakes.store.journal) == events


@pytest.mark.parametrize(("path", "body", "other"), POSTS, ids=[path for path, _, _ in POSTS])
async def test_the_same_key_with_another_body_is_422(headgate: InProcessHeadgate, path: str, body: Any, other: Any) -> None:
    await prepare(headgate)
    await post(headgate, path, body)

    refused = await post(headgate, path, other)

    assert refused.status_code == 422
    assert refused.json()["problem"] in ("idempotency_key_reused", "event_id_reused")


async def test_the_spelling_of_the_json_does_not_matter(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline(parameters=FREE)
    first = await headgate.client.post("/trigger/flights", content=b'{"parameters": {"a": 1, "b": 2}}', headers=KEY)

    again = await headgate.client.post("/trigger/flights", content=b'{ "parameters":{"b":2,"a":1} }', headers=KEY)

    assert first.status_code == 202
    assert again.json() == first.json()


async def test_a_key_is_valid_for_one_path_and_one_caller(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights")
    await headgate.api.create_pipeline("other")

    runs = [
        (await post(headgate, "/trigger/flights", {})).json()["run_id"],
        (await post(headgate, "/trigger/other", {})).json()["run_id"],
        (await post(headgate, "/trigger/flights", {}, **await headgate.api.create_token(Scope.TRIGGER))).json()["run_id"],
        (await post(headgate, "/trigger/flights", {})).json()["run_id"],
    ]

    assert runs == [1, 2, 3, 1]


async def test_a_refused_request_may_be_repeated_with_the_same_key(headgate: InProcessHeadgate) -> None:
    missing = await post(headgate, "/trigger/flights", {})
    await headgate.api.create_pipeline()

    assert missing.status_code == 404
    assert (await post(headgate, "/trigger/flights", {})).status_code == 202


async def test_ten_concurrent_triggers_with_one_key_create_one_run(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    answers = await asyncio.gather(*(post(headgate, "/trigger/flights", {}) for _ in range(10)))

    assert {answer.json()["run_id"] for answer in answers} == {1}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9


async def test_a_repetition_that_waits_too_long_is_409_in_progress(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    headgate.fakes.store.locks.timeout = 0.05
    pipeline = headgate.fakes.open_unit_of_work()
    async with pipeline as work:
        await work.pipelines.find(1, lock=True)
        headgate.fakes.store.locks.timeout = 5.0
        first = asyncio.ensure_future(post(headgate, "/trigger/flights", {}))
        async with asyncio.timeout(5):
            while headgate.fakes.store.locks.waiting == 0:  # noqa: ASYNC110
                await asyncio.sleep(0)
        headgate.fakes.store.locks.timeout = 0.05
        second = await post(headgate, "/trigger/flights", {})

    assert (second.status_code, second.json()["problem"], second.headers["retry-after"]) == (409, "in_progress", "1")
    assert (await first).status_code == 202


async def test_a_replayed_creation_returns_the_first_revision(headgate: InProcessHeadgate) -> None:
    first = await post(headgate, "/pipelines/", DEFINITION)
    await headgate.client.put("/pipelines/flights", json={**DEFINITION, "description": "changed"})

    again = await post(headgate, "/pipelines/", DEFINITION)

    assert again.content == first.content


async def test_the_key_of_a_report_is_its_event_id(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()
    item = {"pipeline_id": "flights", "stage_name": "certify", "status": "completed"}

    first = await post(headgate, "/status-update/", item)
    by_field = await headgate.api.report(**item, event_id=KEY["Idempotency-Key"])
    both = await post(headgate, "/status-update/", {**item, "event_id": "another"})

    assert first.json()["applied"] is True
    assert by_field.status_code == 422  # not the body of the first, which had no event_id
    assert (both.status_code, both.json()["errors"][0]["field"]) == (422, "event_id")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "\xe9"])
async def test_an_invalid_key_is_422_and_changes_nothing(headgate: InProcessHeadgate, key: str) -> None:
    await headgate.api.create_pipeline()

    answer = await headgate.client.post("/trigger/flights", headers={b"Idempotency-Key": key.encode("latin-1")})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert headgate.fakes.store.committed.runs == {}


async def test_quotes_around_a_key_are_not_part_of_it(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    first = await headgate.client.post("/trigger/flights", headers={"Idempotency-Key": '"abc"'})
    again = await headgate.client.post("/trigger/flights", headers={"Idempotency-Key": "abc"})

    assert again.json() == first.json()
