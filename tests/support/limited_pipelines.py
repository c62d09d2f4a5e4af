"""Pipelines with concurrency limits, and runs that hold their slots or wait for them."""

from typing import Any, Final

from tests.support.in_process import InProcessHeadgate

LOAD: Final[dict[str, Any]] = {"name": "load", "command": ["true"]}


async def add_limited_pipelines(headgate: InProcessHeadgate, limit: int = 1) -> None:
    """Add `sales`, whose runs hold a slot of the group warehouse, and `reports`, whose stage `load` uses it."""
    await headgate.api.create_pipeline("sales", LOAD, concurrency=[{"group": "warehouse", "limit": limit}])
    await headgate.api.create_pipeline("reports", {"name": "query", "command": ["true"]}, LOAD | {"uses": ["warehouse"], "needs": []})


async def trigger(headgate: InProcessHeadgate, pipeline: str = "sales", **body: Any) -> int:
    """Trigger a run and return its id."""
    answer = await headgate.client.post(f"/trigger/{pipeline}", json=body)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["run_id"])
