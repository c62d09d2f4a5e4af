"""Implements the orchestrator port with Prefect's REST API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr

from adapters.orchestration.prefect_api_client import PrefectApiClient
from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState

FLOW_NAME: Final = "run_pipeline"
HEADGATE_POOL_TYPE: Final = "headgate"
"""The type of the work pools that Headgate's own workers serve."""
PROCESS_POOL_TYPE: Final = "process"
ENTRYPOINT: Final = "entrypoints.worker.prefect.flow.run_pipeline"
"""A module path, not a file path: Prefect finds the flow wherever Headgate is installed, also in an image, and copies no code."""

_STATES_PER_REQUEST: Final = 200
_HEALTH_TIMEOUT_SECONDS: Final = 1.0
# Paused counts as scheduled: it has neither started nor ended.
_STATES: Final = {state.value.upper(): state for state in FlowState} | {"PAUSED": FlowState.SCHEDULED}


class PrefectOrchestrator:
    """Creates missing work pools and deployments, and caches deployment ids until Prefect no longer knows them."""

    def __init__(self, api_url: str, auth: str | SecretStr | None = None) -> None:
        self._client = PrefectApiClient(api_url, auth)
        self._deployment_ids: dict[str, str] = {}

    async def close(self) -> None:
        await self._client.close()

    async def create_flow_run(self, request: FlowRunRequest) -> str:
        return str((await self.create(request))["id"])

    async def create(self, request: FlowRunRequest) -> dict[str, Any]:
        """Create a flow run and return Prefect's record of it. If a flow run has the request's key already, return that one."""
        for _ in range(2):
            deployment_id = await self._get_deployment_id(request)
            created = await self._client.post(f"/deployments/{deployment_id}/create_flow_run", _to_flow_run_body(request))
            if created is not None and "id" in created:
                return dict(created)
            self._deployment_ids.pop(request.pool, None)
        raise Unavailable(f"Prefect no longer has the deployment {FLOW_NAME}/{request.pool}.")

    async def get_states(self, flow_run_ids: Sequence[str]) -> Mapping[str, FlowState]:
        ids = [flow_run_id for flow_run_id in flow_run_ids if _is_uuid(flow_run_id)]
        states: dict[str, FlowState] = {}
        for start in range(0, len(ids), _STATES_PER_REQUEST):
            page = ids[start : start + _STATES_PER_REQUEST]
            runs = await self._client.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": page}}, "limit": _STATES_PER_REQUEST})
            states |= {run["id"]: _STATES[run["state_type"]] for run in runs or () if run.get("state_type") in _STATES}
        return states

    async def set_state(self, flow_run_id: str, state: FlowState, message: str) -> None:
        if _is_uuid(flow_run_id):
            await self._client.post(f"/flow_runs/{flow_run_id}/set_state", {"state": _to_state_body(state, message), "force": True})

    async def is_healthy(self) -> bool:
        return await self._client.is_healthy(_HEALTH_TIMEOUT_SECONDS)

    async def ensure_pool(self, pool: str, type: str) -> None:
        """Create the work pool unless one of that name exists, of whatever type."""
        if await self._client.get(f"/work_pools/{pool}") is None:
            await self._client.post("/work_pools/", {"name": pool, "type": type, "description": "Created by Headgate."})

    async def _get_deployment_id(self, request: FlowRunRequest) -> str:
        pool = request.pool
        if pool not in self._deployment_ids:
            deployment = await self._client.get(f"/deployments/name/{FLOW_NAME}/{pool}")
            if deployment is None or deployment.get("work_pool_name") != pool or deployment.get("entrypoint") != ENTRYPOINT:
                # The entrypoint differs if an earlier release of Headgate created the deployment; creating it again updates it.
                # A request with a state only records what Headgate's worker ran; without one, Prefect's worker is to run it.
                await self.ensure_pool(pool, PROCESS_POOL_TYPE if request.state is None else HEADGATE_POOL_TYPE)
                deployment = await self._create_deployment(pool)
            self._deployment_ids[pool] = str(deployment["id"])
        return self._deployment_ids[pool]

    async def _create_deployment(self, pool: str) -> dict[str, Any]:
        flow = await self._client.post("/flows/", {"name": FLOW_NAME})
        deployment = await self._client.post(
            "/deployments/",
            {
                "name": pool,
                "flow_id": flow["id"],
                "work_pool_name": pool,
                "entrypoint": ENTRYPOINT,
                "description": "Runs dispatches of Headgate's runs.",
                "enforce_parameter_schema": False,
                "tags": [],
            },
        )
        if deployment is None or "id" not in deployment:
            raise Unavailable(f"Prefect did not create the deployment {FLOW_NAME}/{pool}.")
        return dict(deployment)


def _to_flow_run_body(request: FlowRunRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"name": request.name, "parameters": dict(request.parameters), "idempotency_key": request.key}
    if request.state is not None:
        body["state"] = _to_state_body(request.state, "")
    if request.trace:
        body["labels"] = dict(request.trace)
    return body


def _to_state_body(state: FlowState, message: str) -> dict[str, Any]:
    return {"type": state.value.upper(), "name": state.value.capitalize(), "message": message or None}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
