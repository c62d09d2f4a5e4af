"""Status reports that name their run, such as `ext#2`, in place of its id."""

from typing import Any

import pytest

from domain.access.api_tokens import TokenKind
from domain.access.permissions import Scope
from tests.support.in_process import InProcessHeadgate
from tests.support.worker_requests import claim_dispatch

RUNNING: dict[str, Any] = {"stage_name": "a", "status": "running"}


@pytest.fixture
async def runs(headgate: InProcessHeadgate) -> tuple[int, int]:
    """Two runs of `ext`, after one of another pipeline: their ids are not their numbers."""
    stages = {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"}
    for name in ("other", "ext"):
        await headgate.api.create_pipeline(name, *stages)
    await headgate.api.trigger("other")
    return await headgate.api.trigger("ext"), await headgate.api.trigger("ext")


async def report_batch(headgate: InProcessHeadgate, *items: dict[str, Any], **keys: Any) -> list[dict[str, Any]]:
    answer = await headgate.client.post("/status-update/batch", json={"updates": items}, **keys)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def test_a_report_takes_the_name_of_its_run_as_well_as_the_id(headgate: InProcessHeadgate, runs: tuple[int, int]) -> None:
    first, second = runs

    alone = await headgate.api.report(run_id="ext#2", **RUNNING)
    batch = await report_batch(headgate, {"run_id": "ext#1", **RUNNING}, {"run_id": second, "stage_name": "a", "status": "completed"})

    assert (alone.status_code, alone.json()["applied"], alone.json()["run_id"]) == (200, True, second)
    assert [(item["applied"], item["run_id"]) for item in batch] == [(True, first), (True, second)]


async def test_a_name_that_the_pipeline_had_before_still_names_its_run(headgate: InProcessHeadgate, runs: tuple[int, int]) -> None:
    stages = [{"name": "a", "kind": "external"}, {"name": "b", "kind": "external"}]
    renamed = await headgate.client.put("/pipelines/ext", json={"name": "renamed", "stages": stages})
    assert renamed.status_code == 200, renamed.text

    answers = [await headgate.api.report(run_id=name, **RUNNING) for name in ("ext#1", "renamed#2")]

    assert [(answer.json()["applied"], answer.json()["run_id"]) for answer in answers] == [(True, runs[0]), (True, runs[1])]


async def test_a_name_of_no_run_is_answered_as_an_id_of_no_run(headgate: InProcessHeadgate, runs: tuple[int, int]) -> None:
    answers = [await headgate.api.report(run_id=run, **RUNNING) for run in (99, "ext#9", "nothing#1")]
    wrong = [await headgate.api.report(run_id=run, pipeline_id="nothing", **RUNNING) for run in (99, "ext#9")]
    batch = await report_batch(headgate, {"run_id": "ext#9", **RUNNING}, {"run_id": "ext#1", **RUNNING})

    assert [(answer.status_code, answer.json()["problem"], answer.json()["detail"]) for answer in answers] == [
        (404, "not_found", f"There is no run {name}.") for name in ("99", "ext#9", "nothing#1")
    ]
    assert [answer.json()["detail"] for answer in wrong] == ["There is no pipeline nothing."] * 2
    assert [(item["http_status"], item["problem"], item["why"]) for item in batch] == [
        (404, "not_found", "There is no run ext#9."),
        (200, None, None),
    ]


async def test_the_same_event_by_the_id_and_by_the_name_is_one_event(headgate: InProcessHeadgate, runs: tuple[int, int]) -> None:
    event = {**RUNNING, "event_id": "e1"}
    first = await headgate.api.report(run_id=runs[0], **event)
    by_name = await headgate.api.report(run_id="ext#1", **event)
    [in_batch] = await report_batch(headgate, {"run_id": "ext#1", **event})
    with_key = await headgate.client.post("/status-update/", json={"run_id": "ext#1", **RUNNING}, headers={"Idempotency-Key": "e2"})
    repeated = await headgate.client.post("/status-update/", json={"run_id": runs[0], **RUNNING}, headers={"Idempotency-Key": "e2"})
    another = await headgate.api.report(run_id="ext#1", stage_name="a", status="completed", event_id="e1")

    assert first.json() == by_name.json() == {key: in_batch[key] for key in first.json()}
    assert (with_key.json(), repeated.headers["idempotency-replayed"]) == (repeated.json(), "true")
    assert (another.status_code, another.json()["problem"]) == (422, "event_id_reused")


async def test_a_token_is_refused_another_run_by_its_name_as_by_its_id(headgate: InProcessHeadgate, runs: tuple[int, int]) -> None:
    reporter = await headgate.api.create_token(Scope.REPORT, pipeline="other", kind=TokenKind.REPORTER)
    await headgate.api.create_pipeline("work", {"name": "a", "command": ["true"]})
    await headgate.api.trigger("work")
    attempt = {"Authorization": f"Bearer {(await claim_dispatch(headgate))['starts'][0]['token']}"}

    for token in (reporter, attempt):
        by_id, by_name, unknown = [await headgate.api.report(headers=token, run_id=run, **RUNNING) for run in (runs[0], "ext#1", "ext#9")]
        assert (by_name.status_code, by_name.json()["problem"]) == (403, "token_scope")
        assert by_name.json()["detail"] == by_id.json()["detail"]
        assert (unknown.status_code, unknown.json()["detail"]) == (404, "There is no run ext#9.")


async def test_only_names_cost_a_query_and_all_names_of_a_batch_cost_one(
    headgate: InProcessHeadgate, runs: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    find = headgate.fakes.reader.find_run_ids
    monkeypatch.setattr(headgate.fakes.reader, "find_run_ids", lambda names: (asked.append(len(names)), find(names))[1])

    await headgate.api.report(run_id=runs[0], **RUNNING)
    await report_batch(headgate, {"run_id": runs[0], **RUNNING}, {"pipeline_id": "ext", **RUNNING})
    assert asked == []

    await report_batch(headgate, *({"run_id": name, **RUNNING} for name in ("ext#1", "ext#2", "ext#1", "ext#9")))
    assert asked == [3]
