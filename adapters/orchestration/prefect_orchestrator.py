"""The engine's port over Prefect's REST API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr

from adapters.orchestration.prefect_api_client import PrefectApiClient
from application.ports.dispatch.orchestrator import FlowRunRequest, FlowState
from domain.errors import Unavailable

FLOW_NAME: Final = "run_pipeline"
HEADGATE_POOL_TYPE: Final = "headgate"
"""The type of the work pools that Headgate's own workers serve."""
PROCESS_POOL_TYPE: Final = "process"
ENTRYPOINT: Final = "entrypoints.worker.prefect.flow.run_pipeline"
"""A module's path, not a file's: the flow is found wherever Headgate is installed, in an image too, and no code is copied."""

_CHUNK: Final = 200
_HEALTHY_SECONDS: Final = 1.0
# Paused and scheduled are neither taken nor over; what the rules ask of both is only that they wait.
_STATES: Final = {state.value.upper(): state for state in FlowState} | {"PAUSED": FlowState.SCHEDULED}


class PrefectOrchestrator:
    """See the port. Pools and deployments are made when missing, their ids kept until Prefect no longer knows them."""

    def __init__(self, api_url: str, auth: str | SecretStr | None = None) -> None:
        self._http = PrefectApiClient(api_url, auth)
        self._deployments: dict[str, str] = {}

    async def close(self) -> None:
        await self._http.close()

    async def create_flow_run(self, request: FlowRunRequest) -> str:
        return str((await self.create(request))["id"])

    async def create(self, request: FlowRunRequest) -> dict[str, Any]:
        """The flow run as Prefect shows it: a new one, or the one that has this key already."""
        for _ in range(2):
            deployment = await self._deployment(request)
            created = await self._http.post(f"/deployments/{deployment}/create_flow_run", _new_flow_run(request))
            if created is not None and "id" in created:
                return dict(created)
            self._deployments.pop(request.pool, None)
        raise Unavailable(f"Prefect lost the deployment {FLOW_NAME}/{request.pool} while it was used.")

    async def states(self, flow_run_ids: Sequence[str]) -> Mapping[str, FlowState]:
        known = [flow_run_id for flow_run_id in flow_run_ids if _is_uuid(flow_run_id)]
        states: dict[str, FlowState] = {}
        for start in range(0, len(known), _CHUNK):
            chunk = known[start : start + _CHUNK]
            found = await self._http.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": chunk}}, "limit": _CHUNK})
            states |= {run["id"]: _STATES[run["state_type"]] for run in found or () if run.get("state_type") in _STATES}
        return states

    async def set_state(self, flow_run_id: str, state: FlowState, message: str) -> None:
        if _is_uuid(flow_run_id):
            await self._http.post(f"/flow_runs/{flow_run_id}/set_state", {"state": _state(state, message), "force": True})

    async def is_healthy(self) -> bool:
        return await self._http.is_healthy(_HEALTHY_SECONDS)

    async def ensure_pool(self, pool: str, type: str) -> None:
        """Make the work pool unless there is one of that name, of whatever type."""
        if await self._http.get(f"/work_pools/{pool}") is None:
            await self._http.post("/work_pools/", {"name": pool, "type": type, "description": "Made by Headgate."})

    async def _deployment(self, request: FlowRunRequest) -> str:
        pool = request.pool
        if pool not in self._deployments:
            found = await self._http.get(f"/deployments/name/{FLOW_NAME}/{pool}")
            if found is None or found.get("work_pool_name") != pool:
                # Born in a state of ours, it is recorded beside our own worker; else Prefect's worker is to run it.
                await self.ensure_pool(pool, PROCESS_POOL_TYPE if request.state is None else HEADGATE_POOL_TYPE)
                found = await self._make_deployment(pool)
            self._deployments[pool] = str(found["id"])
        return self._deployments[pool]

    async def _make_deployment(self, pool: str) -> dict[str, Any]:
        flow = await self._http.post("/flows/", {"name": FLOW_NAME})
        made = await self._http.post(
            "/deployments/",
            {
                "name": pool,
                "flow_id": flow["id"],
                "work_pool_name": pool,
                "entrypoint": ENTRYPOINT,
                "description": "Carries dispatches of Headgate's runs.",
                "enforce_parameter_schema": False,
                "tags": [],
            },
        )
        if made is None or "id" not in made:
            raise Unavailable(f"Prefect did not make the deployment {FLOW_NAME}/{pool}.")
        return dict(made)


def _new_flow_run(request: FlowRunRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"name": request.name, "parameters": dict(request.parameters), "idempotency_key": request.key}
    if request.state is not None:
        body["state"] = _state(request.state, "")
    if request.trace:
        body["labels"] = dict(request.trace)
    return body


def _state(state: FlowState, message: str) -> dict[str, Any]:
    return {"type": state.value.upper(), "name": state.value.capitalize(), "message": message or None}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
