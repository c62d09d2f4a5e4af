"""The routes for worker processes."""

from typing import Any

import orjson
import pytest

from application.ports.dispatch.worker_messages import StopRun
from domain.flow_runs.flow_state import FlowState
from domain.runs.status import Status
from entrypoints.worker_protocol.messages import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate
from tests.support.worker_requests import claim_dispatch, send_heartbeat

WORK = ({"name": "a", "command": ["true"]}, {"name": "b", "command": ["true"]})


async def test_worker_routes_require_a_workers_token(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    attempt = {"Authorization": f"Bearer {claim['starts'][0]['token']}"}
    routes = [
        "heartbeat",
        "dispatches/1/1/claim",
        "dispatches/1/1/advance",
        "dispatches/1/1/recorded",
        "dispatches/1/2/record",
        "logs",
        "cancelled-in-prefect",
        "leave",
    ]

    for route in routes:
        answer = await headgate.client.post(f"/worker/{route}", json={})
        assert (answer.status_code, answer.json()["problem"]) == (401, "unauthorized")
        assert (await headgate.client.post(f"/worker/{route}", json={}, headers=attempt)).status_code == 403
        expected = 409 if route == "dispatches/1/2/record" else 422
        assert (await headgate.client.post(f"/worker/{route}", json={}, headers=headgate.api.worker_headers)).status_code == expected
    assert (await headgate.client.get("/worker/stream")).status_code == 401


async def test_a_worker_claims_advances_and_ends_a_dispatch(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    run_id = await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    start = claim["starts"][0]

    step = await _advance(
        headgate, claim, [{"event_id": "1:a:1", "stage": "a", "attempt": 1, "status": "completed", "records_processed": 3}]
    )
    again = await _advance(
        headgate, claim, [{"event_id": "1:a:1", "stage": "a", "attempt": 1, "status": "completed", "records_processed": 3}]
    )
    end = await _advance(headgate, claim, [{"event_id": "1:b:1", "stage": "b", "attempt": 1, "status": "completed"}])

    assert (claim["pipeline"], claim["stages"], claim["key"]) == ("work", ["a", "b"], "installation-1:1:1")
    assert (start["stage"], start["attempt"], start["spec"]["command"]) == ("a", 1, ["true"])
    assert step == again
    assert [start["stage"] for start in step["starts"]] == ["b"]
    assert (end["ended"], end["starts"]) == (True, [])
    assert (await headgate.client.get(f"/runs/{run_id}")).json()["records_processed"] == 3
    assert await headgate.api.get_run_status(run_id) == "completed"


async def test_an_ended_dispatch_is_409_and_an_unknown_run_404(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    await headgate.api.trigger("work")
    await claim_dispatch(headgate)
    body = {"worker_id": "other", "capacity": 1}

    gone = await headgate.client.post("/worker/dispatches/1/1/claim", json=body, headers=headgate.api.worker_headers)
    none = await headgate.client.post("/worker/dispatches/9/1/claim", json=body, headers=headgate.api.worker_headers)
    again = await headgate.client.post(
        "/worker/dispatches/1/1/claim", json={"worker_id": "w", "capacity": 1}, headers=headgate.api.worker_headers
    )

    assert (gone.status_code, gone.json()["problem"]) == (409, "dispatch_gone")
    assert none.status_code == 404
    assert (again.status_code, again.json()["epoch"]) == (200, 1)


async def test_a_heartbeat_returns_renewed_refused_and_stopped_dispatches(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    run_id = await headgate.api.trigger("work")
    await claim_dispatch(headgate)
    await headgate.client.post(f"/runs/{run_id}/cancel")

    answer = await send_heartbeat(headgate, dispatches=[{"run_id": run_id, "epoch": 1, "holding": [["a", 1]]}, {"run_id": 77, "epoch": 1}])

    assert (answer["renewed"], answer["refused"], answer["stop"]) == ([[run_id, 1]], [[77, 1]], [run_id])


async def test_the_stream_pushes_claims_and_stops_as_lines(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    headers = {**headgate.api.worker_headers, "accept": "*/*"}
    query = "worker_id=w&name=worker&pool=headgate&slots=4&version=1"

    async with open_stream(headgate, "/worker/stream", {key.lower(): value for key, value in headers.items()}, query) as worker:
        await worker.until('{"type":"ping"}\n')
        await headgate.client.post("/worker/heartbeat", json=make_heartbeat(received=0), headers=headgate.api.worker_headers)
        await headgate.api.trigger("work")
        await headgate.application.dispatcher().run_once()
        await worker.until('"type":"claim"')
        headgate.fakes.worker_streams.push("w", StopRun(1))
        await worker.until('"type":"stop"')

        lines = [orjson.loads(line) for line in worker.text.splitlines()]
        claim = next(line for line in lines if line["type"] == "claim")
        assert [start["stage"] for start in claim["starts"]] == ["a"]
        assert lines[-1] == {"type": "stop", "run_id": 1}
        assert "w" in headgate.fakes.store.committed.workers
    assert headgate.fakes.worker_streams.pools_with_free_slots() == []


async def test_a_heartbeat_to_another_web_than_the_stream_brings_work_for_the_free_slots(headgate: InProcessHeadgate) -> None:
    """Behind a load balancer, the web with the stream may never get to know that the slots are free."""
    await headgate.api.create_pipeline("work", *WORK)
    for _ in range(3):
        await headgate.api.trigger("work")

    first = await send_heartbeat(headgate, received=0, free=1)
    held = [{"run_id": claim["run_id"], "epoch": 1, "holding": []} for claim in first["claims"]]
    unnamed = await send_heartbeat(headgate, received=0, free=1)
    busy = await send_heartbeat(headgate, received=0, free=0, dispatches=held)
    stopping = await send_heartbeat(headgate, received=0, free=1, takes_work=False, dispatches=held)
    second = await send_heartbeat(headgate, received=0, free=1, dispatches=held)

    assert [claim["run_id"] for claim in first["claims"]] == [1]
    assert unnamed["claims"] == first["claims"], "the claim that the worker does not have yet needs the slot"
    assert busy["claims"] == stopping["claims"] == []
    assert [claim["run_id"] for claim in second["claims"]] == [2]


@pytest.mark.parametrize("protocol", [None, 1, PROTOCOL_VERSION + 1])
async def test_a_worker_of_another_release_is_told_to_update(headgate: InProcessHeadgate, protocol: int | None) -> None:
    headers = {name: value for name, value in headgate.api.worker_headers.items() if name != PROTOCOL_HEADER}
    headers |= {} if protocol is None else {PROTOCOL_HEADER: str(protocol)}
    worker = {"worker_id": "w", "name": "worker", "pool": "headgate", "slots": 4}

    stream = await headgate.client.get("/worker/stream", params=worker, headers=headers)
    heartbeat = await headgate.client.post("/worker/heartbeat", json={"bursts": []}, headers=headers)

    for answer in (stream, heartbeat):
        assert (answer.status_code, answer.json()["problem"]) == (426, "protocol_version")
        assert answer.headers["upgrade"] == f"headgate-worker/{PROTOCOL_VERSION}"
    older = "worker" if protocol in (None, 1) else "older of the two"
    assert f"uses version {protocol or 1} of the worker protocol" in stream.json()["detail"]
    assert f"update the {older} to the release of the" in stream.json()["detail"]
    assert headgate.fakes.store.committed.workers == {}


@pytest.mark.parametrize("action", ["claim", "advance", "recorded"])
async def test_the_paths_of_version_1_say_to_update_the_worker(headgate: InProcessHeadgate, action: str) -> None:
    answer = await headgate.client.post(f"/worker/bursts/1/1/{action}", json={}, headers=headgate.api.worker_headers)

    assert (answer.status_code, answer.json()["problem"]) == (426, "protocol_version")
    assert "update the worker to the release of the web and restart it" in answer.json()["detail"]


async def test_a_worker_that_leaves_is_unregistered(headgate: InProcessHeadgate) -> None:
    await send_heartbeat(headgate)

    answer = await headgate.client.post("/worker/leave", json={"worker_id": "w"}, headers=headgate.api.worker_headers)

    assert answer.status_code == 204
    assert headgate.fakes.store.committed.workers == {}


async def test_the_web_records_a_claimed_dispatch_for_its_worker(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    run_id = await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    url = f"/worker/dispatches/{run_id}/{claim['epoch']}/record"

    headgate.fakes.orchestrator.is_down = True
    early = await headgate.client.post(url, json={}, headers=headgate.api.worker_headers)
    headgate.fakes.orchestrator.is_down = False
    recorded = await headgate.client.post(url, json={}, headers=headgate.api.worker_headers)

    assert (early.status_code, early.json()) == (200, {"recorded": False})
    assert (recorded.status_code, recorded.json()) == (200, {"recorded": True})
    shown = (await headgate.client.get(f"/runs/{run_id}")).json()["prefect_flow_run_ids"]
    assert headgate.fakes.orchestrator.states == dict.fromkeys(shown, FlowState.RUNNING)


async def test_cancelling_the_flow_run_in_prefect_cancels_the_run(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", *WORK)
    run_id = await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    flow_run = "5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10"
    recorded = {"worker_id": "w", "flow_run_id": flow_run}

    first = await headgate.client.post(
        f"/worker/dispatches/{run_id}/{claim['epoch']}/recorded", json=recorded, headers=headgate.api.worker_headers
    )
    named = (await headgate.client.get(f"/runs/{run_id}")).json()["prefect_flow_run_ids"]
    unknown = await headgate.client.post("/worker/cancelled-in-prefect", json={"flow_run_id": "x"}, headers=headgate.api.worker_headers)
    known = await headgate.client.post("/worker/cancelled-in-prefect", json={"flow_run_id": flow_run}, headers=headgate.api.worker_headers)

    assert (first.status_code, named) == (204, [flow_run])
    assert unknown.status_code == known.status_code == 204
    assert headgate.fakes.store.committed.runs[run_id].verdict is Status.CANCELLED


@pytest.mark.parametrize("lines", [[[0, "x", "stdout", "t"]], [[0]], [[-1, "2026-03-02T09:00:00Z", "stdout", "t"]], [1], "x"])
async def test_invalid_log_lines_are_refused(headgate: InProcessHeadgate, lines: Any) -> None:
    body = {"run_id": 1, "stage": "a", "attempt": 1, "lines": lines}

    assert (await headgate.client.post("/worker/logs", json=body, headers=headgate.api.worker_headers)).status_code == 422


async def _advance(headgate: InProcessHeadgate, claim: dict[str, Any], reports: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"worker_id": "w", "capacity": 4, "free": 4, "received": None, "holding": [], "hand_back": False, "reports": reports}
    url = f"/worker/dispatches/{claim['run_id']}/{claim['epoch']}/advance"
    answer = await headgate.client.post(url, json=body, headers=headgate.api.worker_headers)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def make_heartbeat(**more: Any) -> dict[str, Any]:
    return {"worker_id": "w", "name": "worker", "pool": "headgate", "slots": 4, "free": 4, **more}
