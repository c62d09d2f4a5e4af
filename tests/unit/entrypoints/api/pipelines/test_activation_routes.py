"""Pause, resume, archive, unarchive and delete pipelines by the API."""

from typing import Any

import pytest

from domain.access.permissions import Role
from tests.support.in_process import InProcessHeadgate

MOVES = ["pause", "resume", "archive", "unarchive"]
STATE = ("paused_at", "paused_by", "paused_until", "archived_at", "archived_by")


async def move(headgate: InProcessHeadgate, *moves: str, name: str = "flights") -> dict[str, Any]:
    """Request the moves and return the pipeline after the last."""
    for each in moves:
        answer = await headgate.client.post(f"/pipelines/{name}/{each}")
        assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def list_names(headgate: InProcessHeadgate, query: str = "") -> list[str]:
    return [each["name"] for each in (await headgate.client.get(f"/pipelines/{query}")).json()]


async def list_audit(headgate: InProcessHeadgate) -> list[tuple[str, str]]:
    entries = (await headgate.client.get("/audit/")).json()
    return [(entry["deed"], entry["thing"]) for entry in reversed(entries) if entry["deed"].startswith("pipeline_")]


async def test_a_pipeline_is_paused_and_resumed(headgate: InProcessHeadgate) -> None:
    created = await headgate.api.create_pipeline()

    paused = await move(headgate, "pause")
    shown = (await headgate.client.get("/pipelines/flights")).json()
    resumed = await move(headgate, "resume")

    now = headgate.fakes.clock.now()
    assert paused == shown
    assert paused["paused_at"] == now.isoformat().replace("+00:00", "Z")
    assert [created[key] for key in STATE] == [resumed[key] for key in STATE] == [None] * 5
    assert await list_audit(headgate) == [
        ("pipeline_created", "pipeline flights"),
        ("pipeline_paused", "pipeline flights"),
        ("pipeline_resumed", "pipeline flights"),
    ]


@pytest.mark.parametrize("name", MOVES)
async def test_a_move_twice_changes_and_records_nothing_more(headgate: InProcessHeadgate, name: str) -> None:
    await headgate.api.create_pipeline()
    if name in ("resume", "unarchive"):
        await move(headgate, "pause", "archive")
    first = await move(headgate, name)
    etag = (await headgate.client.get("/pipelines/flights")).headers["etag"]
    recorded = await list_audit(headgate)

    second = await move(headgate, name)

    assert second == first
    assert await list_audit(headgate) == recorded
    assert (await headgate.client.get("/pipelines/flights")).headers["etag"] == etag


@pytest.mark.parametrize("name", MOVES)
async def test_a_move_with_the_same_key_is_answered_as_the_first_time(headgate: InProcessHeadgate, name: str) -> None:
    await headgate.api.create_pipeline()
    if name in ("resume", "unarchive"):
        await move(headgate, "pause", "archive")
    key = {"Idempotency-Key": "move-1"}
    first = await headgate.client.post(f"/pipelines/flights/{name}", headers=key)
    await move(headgate, {"pause": "resume", "resume": "pause", "archive": "unarchive", "unarchive": "archive"}[name])

    second = await headgate.client.post(f"/pipelines/flights/{name}", headers=key)

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json()


async def test_every_move_changes_the_etags(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    async def read_etags() -> tuple[str, str]:
        one, many = await headgate.client.get("/pipelines/flights"), await headgate.client.get("/pipelines/?archived=include")
        return one.headers["etag"], many.headers["etag"]

    seen = [await read_etags()]
    for name in ("pause", "archive", "unarchive", "resume"):
        await move(headgate, name)
        seen.append(await read_etags())

    assert len({one for one, _ in seen}) == len({many for _, many in seen}) == 5


async def test_a_pause_ends_at_its_time(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    clock, ender = headgate.fakes.clock, headgate.application.pause_ender()
    until = clock.now().replace(microsecond=0).isoformat()

    past = await headgate.client.post("/pipelines/flights/pause", json={"until": until})
    clock.advance(-60)
    paused = (await headgate.client.post("/pipelines/flights/pause", json={"until": until})).json()
    clock.advance(59)
    await ender.run_once()
    still = (await headgate.client.get("/pipelines/flights")).json()
    clock.advance(1)
    await ender.run_once()
    await ender.run_once()
    resumed = (await headgate.client.get("/pipelines/flights")).json()

    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "until")
    assert paused["paused_until"] == until.replace("+00:00", "Z")
    assert still["paused_at"] is not None
    assert [resumed[key] for key in STATE] == [None] * 5
    assert (await list_audit(headgate))[2:] == [("pipeline_resumed", "pipeline flights")]


@pytest.mark.parametrize("body", [{"until": 5}, {"until": "soon"}, {"until": "2026-12-01"}, {"until": "2026-12-01T08:00"}, {"til": None}])
async def test_an_invalid_end_of_a_pause_names_the_field(headgate: InProcessHeadgate, body: dict[str, Any]) -> None:
    await headgate.api.create_pipeline()

    answer = await headgate.client.post("/pipelines/flights/pause", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, next(iter(body)))


async def test_a_paused_pipeline_may_still_be_triggered(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    await move(headgate, "pause")

    run_id = await headgate.api.trigger()

    assert await headgate.api.get_run_status(run_id) == "waiting"


async def test_an_archived_pipeline_starts_no_runs(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()
    await headgate.api.report(run_id=run_id, stage_name="certify", status="failed")
    await move(headgate, "archive")

    answers = [
        await headgate.client.post("/trigger/flights"),
        await headgate.client.post("/trigger/flights", headers={"Idempotency-Key": "k"}),
        await headgate.client.post(f"/runs/{run_id}/again"),
        await headgate.client.post(f"/runs/{run_id}/retry"),
        await headgate.client.post(f"/runs/{run_id}/stages/certify/retry"),
        await headgate.api.report(pipeline_id="flights", status="running"),
    ]
    runs = (await headgate.client.get("/pipelines/flights/runs")).json()

    for answer in answers:
        assert (answer.status_code, answer.json()["problem"]) == (409, "archived"), answer.url
        assert answer.json()["detail"] == "flights is archived. Unarchive it to start runs."
    assert [run["id"] for run in runs] == [run_id]
    await move(headgate, "unarchive")
    assert await headgate.api.trigger() == run_id + 1


async def test_reports_on_active_runs_of_an_archived_pipeline_are_applied(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()
    await move(headgate, "archive")

    answer = await headgate.api.report(pipeline_id="flights", stage_name="certify", status="completed")

    assert (answer.status_code, answer.json()["run_id"]) == (200, run_id)
    assert await headgate.api.get_run_status(run_id) == "completed"


async def test_lists_leave_archived_pipelines_out_unless_asked(headgate: InProcessHeadgate) -> None:
    for name in ("flights", "weather"):
        await headgate.api.create_pipeline(name)
    await move(headgate, "archive")

    assert await list_names(headgate) == await list_names(headgate, "?archived=exclude") == ["weather"]
    assert await list_names(headgate, "?archived=only") == ["flights"]
    assert await list_names(headgate, "?archived=include") == ["flights", "weather"]
    assert (await headgate.client.get("/pipelines/?archived=maybe")).status_code == 422
    assert (await headgate.client.get("/pipelines/flights")).json()["archived_at"] is not None


async def test_a_change_neither_resumes_nor_unarchives(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    before = await move(headgate, "pause", "archive")

    definition = {"name": "flights", "description": "New", "stages": [{"name": "certify", "kind": "external"}]}
    changed = (await headgate.client.put("/pipelines/flights", json=definition)).json()

    assert changed["revision"] == 2
    assert [changed[key] for key in STATE] == [before[key] for key in STATE]
    assert (await headgate.client.post("/trigger/flights")).status_code == 409


async def test_only_an_archived_pipeline_is_deleted_and_only_by_its_name(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    active = await headgate.client.delete("/pipelines/flights?confirm=flights")
    await move(headgate, "archive")
    unconfirmed = [await headgate.client.delete(f"/pipelines/flights{query}") for query in ("", "?confirm=", "?confirm=Flights")]
    deleted = await headgate.client.delete("/pipelines/flights?confirm=flights")
    again = await headgate.client.delete("/pipelines/flights?confirm=flights")

    assert (active.status_code, active.json()["problem"]) == (409, "not_archived")
    assert [(answer.status_code, answer.json()["errors"][0]["field"]) for answer in unconfirmed] == [(422, "confirm")] * 3
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert again.status_code == 404
    assert (await list_audit(headgate))[-1] == ("pipeline_deleted", "pipeline flights")


async def test_the_name_of_a_deleted_pipeline_is_free_at_once(headgate: InProcessHeadgate) -> None:
    old = await headgate.api.create_pipeline()
    trigger = {"Idempotency-Key": "nightly-1"}
    await headgate.client.post("/trigger/flights", headers=trigger)
    await move(headgate, "archive")
    await headgate.client.delete("/pipelines/flights?confirm=flights")

    new = await headgate.api.create_pipeline()
    run = (await headgate.client.post("/trigger/flights", headers=trigger)).json()

    assert new["id"] > old["id"]
    assert (run["pipeline_id"], run["number"]) == (new["id"], 1)


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Role.VIEWER, {"pause": 403, "resume": 403, "archive": 403, "unarchive": 403, "delete": 403}),
        (Role.OPERATOR, {"pause": 200, "resume": 200, "archive": 403, "unarchive": 403, "delete": 403}),
        (Role.ADMIN, {"pause": 200, "resume": 200, "archive": 200, "unarchive": 200, "delete": 409}),
    ],
)
async def test_operators_pause_and_admins_archive_and_delete(role: Role, statuses: dict[str, int]) -> None:
    headgate = InProcessHeadgate(auth="team")
    await headgate.use_cases.create_pipeline(1, name="flights")
    headers = await headgate.api.sign_in(role, "mara")

    answers = {name: await headgate.client.post(f"/pipelines/flights/{name}", headers=headers) for name in MOVES}
    answers["delete"] = await headgate.client.delete("/pipelines/flights?confirm=flights", headers=headers)

    assert {name: answer.status_code for name, answer in answers.items()} == statuses
    if role is not Role.VIEWER:
        assert answers["pause"].json()["paused_by"] == "mara"
