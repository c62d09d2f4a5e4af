"""Every rule by which status reports are accepted or refused."""

import json

import pytest

from tests.support.in_process import InProcessHeadgate
from tests.support.worker_requests import claim_dispatch


@pytest.fixture
async def run_id(headgate: InProcessHeadgate) -> int:
    await headgate.api.create_pipeline("ext", {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"})
    return await headgate.api.trigger("ext")


async def test_the_same_event_id_and_body_returns_the_stored_answer(headgate: InProcessHeadgate, run_id: int) -> None:
    item = {"pipeline_id": "ext", "stage_name": "a", "status": "running", "event_id": "e1"}

    first, second = await headgate.api.report(**item), await headgate.api.report(**dict(reversed(item.items())))

    assert first.json() == second.json()
    assert first.json()["applied"] is True


async def test_the_same_event_id_with_another_body_is_refused(headgate: InProcessHeadgate, run_id: int) -> None:
    await headgate.api.report(pipeline_id="ext", stage_name="a", status="running", event_id="e1")

    answer = await headgate.api.report(pipeline_id="ext", stage_name="a", status="completed", event_id="e1")

    assert (answer.status_code, answer.json()["problem"]) == (422, "event_id_reused")


async def test_only_its_worker_may_report_a_workers_stage(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", {"name": "a", "command": ["true"]})
    run = await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    token = {"Authorization": f"Bearer {claim['starts'][0]['token']}"}

    stranger = await headgate.api.report(run_id=run, stage_name="a", status="completed")
    ending = await headgate.api.report(headers=token, status="completed")
    progress = await headgate.api.report(headers=token, status="running", records_processed=12)
    elsewhere = await headgate.api.report(headers=token, status="running", stage_name="b", run_id=run)

    assert (stranger.status_code, stranger.json()["problem"]) == (409, "not_yours")
    assert (ending.status_code, ending.json()["problem"]) == (409, "not_yours")
    assert (progress.status_code, progress.json()["applied"]) == (200, True)
    assert (elsewhere.status_code, elsewhere.json()["problem"]) == (403, "token_scope")


async def test_another_attempt_than_the_current_one_is_refused_and_recorded(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", {"name": "a", "command": ["true"], "retries": 1})
    run = await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    failed = {"event_id": "1", "stage": "a", "attempt": 1, "status": "failed"}
    body = {"worker_id": "w", "capacity": 1, "holding": [], "reports": [failed]}
    await headgate.client.post(f"/worker/dispatches/{run}/{claim['epoch']}/advance", json=body, headers=headgate.api.worker_headers)

    late = {**failed, "event_id": "2", "status": "completed"}
    unknown = {**failed, "event_id": "3", "attempt": 9}
    step = await headgate.client.post(
        f"/worker/dispatches/{run}/{claim['epoch']}/advance", json={**body, "reports": [late, unknown]}, headers=headgate.api.worker_headers
    )

    assert [(item["http_status"], item["problem"]) for item in step.json()["answers"]] == [(409, "stale_attempt"), (409, "unknown_attempt")]
    assert all(item["seq"] for item in step.json()["answers"])


async def test_an_older_seq_of_the_same_reporter_changes_nothing(headgate: InProcessHeadgate, run_id: int) -> None:
    await headgate.api.report(pipeline_id="ext", stage_name="a", status="running", reporter="r", seq=5)

    older = await headgate.api.report(pipeline_id="ext", stage_name="a", status="completed", reporter="r", seq=4)
    unnamed = await headgate.api.report(pipeline_id="ext", stage_name="a", status="completed", seq=1)

    assert (older.status_code, older.json()["applied"]) == (200, False)
    assert older.json()["why"]
    assert unnamed.json()["applied"] is True


@pytest.mark.parametrize("word", ["started", "success"])
async def test_a_repeat_or_an_earlier_status_after_the_end_changes_nothing(headgate: InProcessHeadgate, run_id: int, word: str) -> None:
    await headgate.api.report(run_id=run_id, stage_name="a", status="completed")

    answer = await headgate.api.report(run_id=run_id, stage_name="a", status=word)

    assert (answer.status_code, answer.json()["applied"], answer.json()["status"]) == (200, False, "completed")


async def test_the_same_status_with_new_details_is_progress(headgate: InProcessHeadgate, run_id: int) -> None:
    await headgate.api.report(run_id=run_id, stage_name="a", status="running")

    news = await headgate.api.report(run_id=run_id, stage_name="a", status="running", records_processed=7, output={"k": [1]})
    none = await headgate.api.report(run_id=run_id, stage_name="a", status="running", records_processed=7)

    assert (news.json()["applied"], none.json()["applied"]) == (True, False)
    stages = (await headgate.client.get(f"/runs/{run_id}/stages")).json()
    assert (stages[0]["records_processed"], stages[0]["output"]) == (7, {"k": [1]})


async def test_a_contradicting_end_is_409_and_recorded_in_the_history(headgate: InProcessHeadgate, run_id: int) -> None:
    await headgate.api.report(run_id=run_id, stage_name="a", status="completed")

    answer = await headgate.api.report(run_id=run_id, stage_name="a", status="failed", error_message="late")

    assert (answer.status_code, answer.json()["problem"], answer.json()["state"]) == (409, "late_report", "completed")
    assert answer.headers["content-type"] == "application/problem+json"
    events = (await headgate.client.get(f"/runs/{run_id}/events?after={answer.json()['seq'] - 1}&limit=1")).json()
    assert (events[0]["type"], events[0]["data"]["error_message"]) == ("report.late", "late")


async def test_an_impossible_transition_names_the_possible_ones(headgate: InProcessHeadgate, run_id: int) -> None:
    await headgate.api.report(pipeline_id="ext", stage_name="a", status="running")

    answer = await headgate.api.report(pipeline_id="ext", stage_name="a", status="skipped")

    assert (answer.status_code, answer.json()["problem"], answer.json()["state"]) == (409, "impossible_move", "running")
    assert "completed" in answer.json()["possible"]


async def test_a_valid_report_is_applied_with_the_seq_of_its_event(headgate: InProcessHeadgate, run_id: int) -> None:
    answer = await headgate.api.report(pipeline_id="ext", stage_name="a", status="running", reported_at="2026-03-02T10:00:00+01:00")

    assert answer.json() == {"applied": True, "why": None, "run_id": run_id, "seq": 5, "status": "running"}


@pytest.mark.parametrize(
    ("word", "status"),
    [("SUCCESS", "completed"), ("succeeded", "completed"), ("error", "failed"), ("failure", "failed"), ("canceled", "cancelled")],
)
async def test_synonyms_of_statuses_are_understood(headgate: InProcessHeadgate, run_id: int, word: str, status: str) -> None:
    await headgate.api.report(pipeline_id="ext", stage_name="a", status="start")

    assert (await headgate.api.report(pipeline_id="ext", stage_name="a", status=word)).json()["status"] == status


async def test_a_report_about_the_run_starts_it_and_ends_it(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("ext", {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"})

    never = await headgate.api.report(pipeline_id="ext", status="skipped")
    opened = await headgate.api.report(pipeline_id="ext", status="running")
    ended = await headgate.api.report(pipeline_id="ext", status="completed")

    assert (never.status_code, never.json()["problem"]) == (409, "no_run")
    assert (opened.json()["applied"], opened.json()["run_id"]) == (True, 1)
    assert ended.json()["status"] == await headgate.api.get_run_status(1) == "completed"


async def test_several_active_runs_are_named(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("mixed", {"name": "a", "kind": "external"}, {"name": "b", "command": ["true"]})
    first, second = [await headgate.api.trigger("mixed") for _ in range(2)]

    answer = await headgate.api.report(pipeline_id="mixed", stage_name="a", status="running")
    named = await headgate.api.report(pipeline_id="mixed", run_id=second, stage_name="a", status="running")

    assert (answer.status_code, answer.json()["runs"]) == (409, [first, second])
    assert named.json()["run_id"] == second


BIG = 2**63


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"status": "sleeping"}, "status"),
        ({"status": "lost"}, "status"),
        ({"status": 1}, "status"),
        ({}, "status"),
        ({"status": "running", "pipeline_id": None}, "pipeline_id"),
        ({"status": "running", "pipeline_id": [1]}, "pipeline_id"),
        ({"status": "running", "pipeline_id": BIG}, "pipeline_id"),
        ({"status": "running", "records_processed": -1}, "records_processed"),
        ({"status": "running", "records_processed": BIG}, "records_processed"),
        ({"status": "running", "records_processed": "1"}, "records_processed"),
        ({"status": "running", "records_processed": True}, "records_processed"),
        ({"status": "running", "run_id": 0}, "run_id"),
        ({"status": "running", "run_id": "1"}, "run_id"),
        ({"status": "running", "run_id": "ext"}, "run_id"),
        ({"status": "running", "run_id": "ext#0"}, "run_id"),
        ({"status": "running", "run_id": "ext#1\n"}, "run_id"),
        ({"status": "running", "run_id": "ext#\0"}, "run_id"),
        ({"status": "running", "run_id": ["ext#1"]}, "run_id"),
        ({"status": "running", "seq": 1.5}, "seq"),
        ({"status": "running", "stage_name": "\0"}, "stage_name"),
        ({"status": "running", "event_id": "\ud83d"}, "event_id"),
        ({"status": "running", "reported_at": "\0"}, "reported_at"),
        ({"status": "running", "pipeline_id": ["\0"]}, "pipeline_id[0]"),
        ({"status": "running", "run_id": float("nan")}, "run_id"),
        ({"status": "running", "seq": -BIG - 1}, "seq"),
        ({"status": "running", "reported_at": "yesterday"}, "reported_at"),
        ({"status": "running", "reported_at": "2026-03-02T10:00:00"}, "reported_at"),
        ({"status": "running", "reported_at": "0001-01-01T00:00:00+12:00"}, "reported_at"),
        ({"status": "running", "stage": "a"}, "stage"),
        ({"status": "running", "stage_name": ""}, "stage_name"),
        ({"status": "running", "event_id": "e" * 300}, "event_id"),
        ({"status": "running", "\ud800": 1}, "body"),
    ],
)
async def test_invalid_input_names_its_field_alone_and_in_a_batch(
    headgate: InProcessHeadgate, run_id: int, item: dict[str, object], field: str
) -> None:
    bad = {"pipeline_id": "ext", **item}
    good = {"pipeline_id": "ext", "stage_name": "a", "status": "running"}

    alone = await headgate.client.post("/status-update/", content=encode_json(bad))
    batch = await headgate.client.post("/status-update/batch", content=encode_json({"updates": [bad, good]}))

    assert alone.status_code == 422, alone.text
    assert alone.json()["errors"][0]["field"] == field
    refused, taken = batch.json()
    assert (refused["http_status"], refused["problem"], refused["errors"][0]["field"]) == (422, "invalid", field)
    assert (taken["http_status"], taken["applied"]) == (200, True)


async def test_a_batch_is_answered_in_order_and_its_size_is_limited(headgate: InProcessHeadgate, run_id: int) -> None:
    items = [
        {"pipeline_id": "ext", "stage_name": "a", "status": "running"},
        7,
        {"pipeline_id": "nope", "status": "running"},
        {"pipeline_id": "ext", "stage_name": "a", "status": "completed"},
    ]

    batch = await headgate.client.post("/status-update/batch", json={"updates": items})
    full = await headgate.client.post("/status-update/batch", json={"updates": [items[0]] * 1_000})
    over = await headgate.client.post("/status-update/batch", json={"updates": [items[0]] * 1_001})
    odd = await headgate.client.post("/status-update/batch", content=encode_json({"updates": 1, "\ud800": 2}))

    assert [item["http_status"] for item in batch.json()] == [200, 422, 404, 200]
    assert (full.status_code, len(full.json())) == (200, 1_000)
    assert (over.status_code, over.json()["errors"][0]["field"]) == (422, "updates")
    assert odd.status_code == 422


async def test_a_foreign_token_is_401_and_a_workers_token_is_403(headgate: InProcessHeadgate, run_id: int) -> None:
    item = {"pipeline_id": "ext", "stage_name": "a", "status": "running"}

    for header in ("Bearer nonsense", "Basic eDp5", "Bearer", "Bearer \xff"):
        answer = await headgate.client.post("/status-update/", json=item, headers={"Authorization": header.encode("latin-1")})
        assert (answer.status_code, answer.json()["problem"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await headgate.api.report(headers=headgate.api.worker_headers, **item)).status_code == 403


def encode_json(value: object) -> bytes:
    return json.dumps(value).encode()
