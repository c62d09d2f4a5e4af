"""Requests of a worker process, sent by hand."""

from typing import Any

from tests.support.in_process import InProcessHeadgate


async def send_heartbeat(headgate: InProcessHeadgate, **more: Any) -> dict[str, Any]:
    body = {
        "worker_id": "w",
        "name": "worker",
        "pool": "headgate",
        "slots": 4,
        "free": 4,
        "received": None,
        "takes_work": True,
        "dispatches": [],
    }
    answer = await headgate.client.post("/worker/heartbeat", json=body | more, headers=headgate.api.worker_headers)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def claim_dispatch(headgate: InProcessHeadgate) -> dict[str, Any]:
    """Claim the one dispatch that is requested and return the claim."""
    (claim,) = (await send_heartbeat(headgate))["claims"]
    return claim  # type: ignore[no-any-return]
