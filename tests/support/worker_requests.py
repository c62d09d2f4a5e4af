"""What a worker process says, said by hand."""

from typing import Any

from tests.support.api_harness import ApiHarness


async def send_heartbeat(house: ApiHarness, **more: Any) -> dict[str, Any]:
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
    answer = await house.client.post("/worker/heartbeat", json=body | more, headers=house.worker_token)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def claim_dispatch(house: ApiHarness) -> dict[str, Any]:
    """Claim the one dispatch that is requested."""
    (claim,) = (await send_heartbeat(house))["claims"]
    return claim  # type: ignore[no-any-return]
