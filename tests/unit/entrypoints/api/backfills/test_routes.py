"""The API of backfills. The clock starts on Monday 2026-03-02 at nine, UTC."""

from typing import Any

import pytest

from domain.access.permissions import Role, Scope
from domain.backfills.plan import MAX_TICKS
from entrypoints.api.backfills.models import BackfillPreviewResponse, BackfillResponse, BackfillTickResponse
from tests.support.backfills import BackfilledHeadgate
from tests.unit.entrypoints.api.test_response_models import assert_fits

BODY = {"pipeline": "nightly", "from": "2026-02-01", "to": "2026-02-10", "parallel": 2}


@pytest.fixture
async def headgate() -> BackfilledHeadgate:
    headgate = BackfilledHeadgate()
    await headgate.add_schedules(cron="30 2 * * *")
    return headgate


async def post(headgate: BackfilledHeadgate, path: str, body: Any = None, status: int = 200, **keys: Any) -> Any:
    answer = await headgate.client.post(path, json=body if body is not None else {}, **keys)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_dry_run_counts_the_ticks_and_stores_nothing(headgate: BackfilledHeadgate) -> None:
    tables = headgate.fakes.store.committed
    before = {name: dict(getattr(tables, name)) for name in tables.__slots__}

    answer = await headgate.client.post("/backfills/", json={**BODY, "dry_run": True}, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 200
    assert_fits(answer, BackfillPreviewResponse)
    preview = answer.json()
    assert (preview["pipeline"], preview["schedule"], preview["ticks"], preview["skipped"]) == ("nightly", "main", 10, 0)
    assert (preview["first"], preview["last"], preview["estimated_seconds"]) == ("2026-02-01T02:30:00Z", "2026-02-10T02:30:00Z", None)
    assert {name: dict(getattr(tables, name)) for name in tables.__slots__} == before


async def test_a_started_backfill_is_listed_and_shows_its_progress(headgate: BackfilledHeadgate) -> None:
    answer = await headgate.client.post("/backfills/", json=BODY)
    await headgate.step()

    assert (answer.status_code, answer.headers["location"]) == (201, "/backfills/1")
    assert_fits(answer, BackfillResponse)
    shown = await headgate.client.get("/backfills/1")
    listed = await headgate.client.get("/backfills/?pipeline=nightly")
    assert shown.json()["ticks"] == {"pending": 8, "running": 2, "completed": 0, "failed": 0, "cancelled": 0, "skipped": 0}
    assert (shown.json()["state"], shown.json()["total"], shown.json()["from"]) == ("running", 10, "2026-02-01T00:00:00Z")
    assert listed.json() == [shown.json()]
    assert_fits(listed, list[BackfillResponse])


async def test_ticks_come_in_pages_with_their_runs(headgate: BackfilledHeadgate) -> None:
    await post(headgate, "/backfills/", BODY, 201)
    await headgate.step()

    first = await headgate.client.get("/backfills/1/ticks?limit=4")
    second = await headgate.client.get(first.links["next"]["url"])
    running = await headgate.client.get("/backfills/1/ticks?state=running")

    assert [tick["position"] for tick in first.json()] == [1, 2, 3, 4]
    assert [tick["position"] for tick in second.json()] == [5, 6, 7, 8]
    assert [tick["position"] for tick in (await headgate.client.get(second.links["prev"]["url"])).json()] == [1, 2, 3, 4]
    assert [(tick["scheduled_for"], tick["run_id"], tick["run_status"]) for tick in running.json()] == [
        ("2026-02-01T02:30:00Z", 1, "queued"),
        ("2026-02-02T02:30:00Z", 2, "queued"),
    ]
    assert_fits(first, list[BackfillTickResponse])
    run = (await headgate.client.get("/runs/1")).json()
    assert (run["trigger"], run["backfill_id"]) == ("backfill", 1)
    assert [run["id"] for run in (await headgate.client.get("/runs/?trigger=backfill")).json()] == [2, 1]


async def test_backfills_come_in_pages_newest_first(headgate: BackfilledHeadgate) -> None:
    for day in range(1, 6):
        await post(headgate, "/backfills/", {**BODY, "from": f"2026-02-0{day}", "to": f"2026-02-0{day}"}, 201)

    first = await headgate.client.get("/backfills/?limit=2")
    second = await headgate.client.get(first.links["next"]["url"])
    back = await headgate.client.get(second.links["prev"]["url"])

    assert [[each["id"] for each in page.json()] for page in (first, second, back)] == [[5, 4], [3, 2], [5, 4]]


async def test_it_is_paused_resumed_and_cancelled(headgate: BackfilledHeadgate) -> None:
    await post(headgate, "/backfills/", BODY, 201)
    await headgate.step()

    paused = await post(headgate, "/backfills/1/pause")
    resumed = await post(headgate, "/backfills/1/resume")
    cancelled = await post(headgate, "/backfills/1/cancel", {"cancel_runs": True})
    again = await post(headgate, "/backfills/1/cancel")
    refused = await post(headgate, "/backfills/1/pause", status=409)

    assert [each["state"] for each in (paused, resumed, cancelled, again)] == ["paused", "running", "cancelled", "cancelled"]
    assert cancelled["ticks"]["cancelled"] == 8
    assert (refused["problem"], refused["detail"]) == ("backfill_over", "Backfill 1 is cancelled.")
    assert headgate.list_unfinished() == []


async def test_a_repeated_key_starts_one_backfill(headgate: BackfilledHeadgate) -> None:
    answers = [await headgate.client.post("/backfills/", json=BODY, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    assert len((await headgate.client.get("/backfills/")).json()) == 1


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"pipeline": "unknown"}, 404, "There is no pipeline unknown."),
        ({"schedule": "unknown"}, 404, "There is no schedule unknown in pipeline nightly."),
        ({"from": "yesterday"}, 422, "from: must be a date or a time"),
        ({"to": "2026-01-01"}, 422, "to: must not be earlier than from"),
        ({"parallel": 0}, 422, "parallel: "),
        ({"parallel": "2"}, 422, "parallel: "),
        ({"order": "random"}, 422, "order: "),
        ({"existing": "none"}, 422, "existing: "),
        ({"parameters": {"x": 1}}, 422, "parameters: "),
        ({"pipeline": None}, 422, "pipeline: "),
        ({"color": "red"}, 422, "color: "),
        ({"cron": "* * * * *"}, 422, f"to: selects 14,400 ticks, but a backfill has at most {MAX_TICKS:,}"),
    ],
)
async def test_an_invalid_request_is_refused_with_its_field(
    headgate: BackfilledHeadgate, change: dict[str, Any], status: int, detail: str
) -> None:
    for dry_run in (True, False):
        refused = await post(headgate, "/backfills/", {**BODY, **change, "dry_run": dry_run}, status)
        assert detail in refused["detail"], refused

    assert (await headgate.client.get("/backfills/")).json() == []


@pytest.mark.parametrize("path", ["/backfills/9", "/backfills/9/ticks", "/backfills/x", "/backfills/?pipeline=unknown"])
async def test_what_does_not_exist_is_404(headgate: BackfilledHeadgate, path: str) -> None:
    assert (await headgate.client.get(path)).status_code == 404


async def test_an_archived_pipeline_refuses(headgate: BackfilledHeadgate) -> None:
    await headgate.application.archive_pipeline()("nightly")

    refused = await post(headgate, "/backfills/", BODY, 409)

    assert refused["problem"] == "archived"


async def test_a_trigger_token_starts_and_a_viewer_only_reads() -> None:
    secured = BackfilledHeadgate(auth="team")
    await secured.add_schedules(cron="30 2 * * *")
    viewer, trigger = await secured.api.sign_in(Role.VIEWER), await secured.api.create_token(Scope.TRIGGER)
    bound = await secured.api.create_token(Scope.TRIGGER, pipeline="nightly")

    started = [(await secured.client.post("/backfills/", json=BODY, headers=each)).status_code for each in (viewer, bound, trigger)]
    paused = [(await secured.client.post("/backfills/1/pause", headers=each)).status_code for each in (viewer, bound, trigger)]

    assert started == [403, 403, 201]
    assert paused == [403, 403, 200]
    assert (await secured.client.get("/backfills/1", headers=viewer)).status_code == 200
