"""The wire to worker processes."""

from typing import Any

import orjson
import pytest

from application.ports.dispatch.worker_messages import StopRun
from domain.runs.status import Status
from tests.support.api_harness import ApiHarness, open_stream
from tests.support.worker_requests import claim_dispatch, send_heartbeat

WORK = ({"name": "a", "command": ["true"]}, {"name": "b", "command": ["true"]})


async def test_worker_routes_ask_for_a_workers_token(house: ApiHarness) -> None:
    await house.create("work", *WORK)
    await house.trigger("work")
    claim = await claim_dispatch(house)
    attempt = {"Authorization": f"Bearer {claim['starts'][0]['token']}"}
    routes = [
        "heartbeat",
        "dispatches/1/1/claim",
        "dispatches/1/1/advance",
        "dispatches/1/1/recorded",
        "logs",
        "cancelled-in-prefect",
        "leave",
    ]

    for route in routes:
        answer = await house.client.post(f"/worker/{route}", json={})
        assert (answer.status_code, answer.json()["problem"]) == (401, "unauthorized")
        assert (await house.client.post(f"/worker/{route}", json={}, headers=attempt)).status_code == 403
        assert (await house.client.post(f"/worker/{route}", json={}, headers=house.worker_token)).status_code == 422
    assert (await house.client.get("/worker/stream")).status_code == 401


async def test_a_worker_claims_carries_and_ends_a_dispatch(house: ApiHarness) -> None:
    await house.create("work", *WORK)
    run_id = await house.trigger("work")
    claim = await claim_dispatch(house)
    start = claim["starts"][0]

    step = await _advance(house, claim, [{"event_id": "1:a:1", "stage": "a", "attempt": 1, "status": "completed", "records_processed": 3}])
    again = await _advance(house, claim, [{"event_id": "1:a:1", "stage": "a", "attempt": 1, "status": "completed", "records_processed": 3}])
    end = await _advance(house, claim, [{"event_id": "1:b:1", "stage": "b", "attempt": 1, "status": "completed"}])

    assert (claim["pipeline"], claim["stages"], claim["key"]) == ("work", ["a", "b"], "house:1:1")
    assert (start["stage"], start["attempt"], start["spec"]["command"]) == ("a", 1, ["true"])
    assert step == again
    assert [start["stage"] for start in step["starts"]] == ["b"]
    assert (end["ended"], end["starts"]) == (True, [])
    assert (await house.client.get(f"/runs/{run_id}")).json()["records_processed"] == 3
    assert await house.get_run_status(run_id) == "completed"


async def test_a_claim_that_is_gone_is_a_conflict_and_an_unknown_run_not_found(house: ApiHarness) -> None:
    await house.create("work", *WORK)
    await house.trigger("work")
    await claim_dispatch(house)
    body = {"worker_id": "other", "capacity": 1}

    gone = await house.client.post("/worker/dispatches/1/1/claim", json=body, headers=house.worker_token)
    none = await house.client.post("/worker/dispatches/9/1/claim", json=body, headers=house.worker_token)
    again = await house.client.post("/worker/dispatches/1/1/claim", json={"worker_id": "w", "capacity": 1}, headers=house.worker_token)

    assert (gone.status_code, gone.json()["problem"]) == (409, "dispatch_gone")
    assert none.status_code == 404
    assert (again.status_code, again.json()["epoch"]) == (200, 1)


async def test_a_heartbeat_renews_refuses_and_tells_of_stops(house: ApiHarness) -> None:
    await house.create("work", *WORK)
    run_id = await house.trigger("work")
    await claim_dispatch(house)
    await house.client.post(f"/runs/{run_id}/cancel")

    answer = await send_heartbeat(house, dispatches=[{"run_id": run_id, "epoch": 1, "holding": [["a", 1]]}, {"run_id": 77, "epoch": 1}])

    assert (answer["renewed"], answer["refused"], answer["stop"]) == ([[run_id, 1]], [[77, 1]], [run_id])


async def test_the_stream_pushes_claims_and_stops_as_lines(house: ApiHarness) -> None:
    await house.create("work", *WORK)
    headers = {**house.worker_token, "accept": "*/*"}
    query = "worker_id=w&name=worker&pool=headgate&slots=4&version=1"

    async with open_stream(house, "/worker/stream", {key.lower(): value for key, value in headers.items()}, query) as worker:
        await worker.until('{"type":"ping"}\n')
        await house.client.post("/worker/heartbeat", json=_beat(received=0), headers=house.worker_token)
        await house.trigger("work")
        await house.application.dispatcher().run_once()
        await worker.until('"type":"claim"')
        house.fakes.worker_streams.push("w", StopRun(1))
        await worker.until('"type":"stop"')

        lines = [orjson.loads(line) for line in worker.text.splitlines()]
        claim = next(line for line in lines if line["type"] == "claim")
        assert [start["stage"] for start in claim["starts"]] == ["a"]
        assert lines[-1] == {"type": "stop", "run_id": 1}
        assert "w" in house.fakes.store.committed.workers
    assert house.fakes.worker_streams.pools() == []


async def test_a_worker_that_leaves_is_forgotten(house: ApiHarness) -> None:
    await send_heartbeat(house)

    answer = await house.client.post("/worker/leave", json={"worker_id": "w"}, headers=house.worker_token)

    assert answer.status_code == 204
    assert house.fakes.store.committed.workers == {}


async def test_a_recorded_dispatch_names_its_flow_run_and_a_cancel_there_cancels_here(house: ApiHarness) -> None:
    await house.create("work", *WORK)
    run_id = await house.trigger("work")
    claim = await claim_dispatch(house)
    flow_run = "5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10"
    recorded = {"worker_id": "w", "flow_run_id": flow_run}

    first = await house.client.post(f"/worker/dispatches/{run_id}/{claim['epoch']}/recorded", json=recorded, headers=house.worker_token)
    named = (await house.client.get(f"/runs/{run_id}")).json()["prefect_flow_run_ids"]
    unknown = await house.client.post("/worker/cancelled-in-prefect", json={"flow_run_id": "x"}, headers=house.worker_token)
    known = await house.client.post("/worker/cancelled-in-prefect", json={"flow_run_id": flow_run}, headers=house.worker_token)

    assert (first.status_code, named) == (204, [flow_run])
    assert unknown.status_code == known.status_code == 204
    assert house.fakes.store.committed.runs[run_id].verdict is Status.CANCELLED


@pytest.mark.parametrize("lines", [[[0, "x", "stdout", "t"]], [[0]], [[-1, "2026-03-02T09:00:00Z", "stdout", "t"]], [1], "x"])
async def test_log_lines_of_another_shape_are_refused(house: ApiHarness, lines: Any) -> None:
    body = {"run_id": 1, "stage": "a", "attempt": 1, "lines": lines}

    assert (await house.client.post("/worker/logs", json=body, headers=house.worker_token)).status_code == 422


async def _advance(house: ApiHarness, claim: dict[str, Any], reports: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"worker_id": "w", "capacity": 4, "free": 4, "received": None, "holding": [], "hand_back": False, "reports": reports}
    url = f"/worker/dispatches/{claim['run_id']}/{claim['epoch']}/advance"
    answer = await house.client.post(url, json=body, headers=house.worker_token)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def _beat(**more: Any) -> dict[str, Any]:
    return {"worker_id": "w", "name": "worker", "pool": "headgate", "slots": 4, "free": 4, **more}
