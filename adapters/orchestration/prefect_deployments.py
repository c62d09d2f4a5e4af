"""Implements the port of deployments with Prefect's REST API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from adapters.orchestration.prefect_api_client import RECORDS_PER_REQUEST, PrefectApiClient, ResponseTooLarge, describe_detail
from adapters.orchestration.prefect_flow_logs import FlowLogReader
from adapters.orchestration.prefect_orchestrator import FLOW_NAME, HEADGATE_POOL_TYPE
from adapters.orchestration.prefect_outputs import FlowOutputReader
from adapters.orchestration.prefect_parameters import quote_parameters
from adapters.orchestration.prefect_responses import is_id, to_deployment, to_flow_state, to_id, to_observation
from adapters.orchestration.result_files import ResultFiles
from application.ports.dispatch.deployments import (
    Deployment,
    DeploymentNotFound,
    DeploymentRun,
    FlowLogPage,
    FlowLogPosition,
)
from application.ports.dispatch.orchestrator import FlowRunRejected
from application.ports.system.clock import Clock
from domain.flow_runs.flow_run import FlowRunObservation

_PAGE: Final = RECORDS_PER_REQUEST
_MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
_MAX_RECORDS: Final = 20_000
_MAX_CACHED_IDS: Final = 1_000


class PrefectDeployments:
    """Caches the ids of deployments until Prefect no longer knows them. Results are read from files in `result_folders` only."""

    def __init__(
        self, api_url: str, auth: str | SecretStr | None, clock: Clock, result_folders: Sequence[Path] = (), seconds: float = 10.0
    ) -> None:
        self._client = PrefectApiClient(api_url, auth, seconds)
        self._outputs = FlowOutputReader(self._client, ResultFiles(result_folders))
        self._logs = FlowLogReader(self._client, clock)
        self._ids: dict[str, str] = {}

    async def close(self) -> None:
        await self._client.close()

    async def list_all(self) -> Sequence[Deployment]:
        records = await self._read_pages("/deployments/filter", {"sort": "NAME_ASC"})
        flows = await self._read_flow_names({str(record.get("flow_id")) for record in records})
        parse = self._client.parse
        deployments = [
            parse("/deployments/filter", lambda found: to_deployment(found, flows[found["flow_id"]]), record)
            for record in records
            if (flow_name := flows.get(str(record.get("flow_id")))) is not None and not _is_own(flow_name, record)
        ]
        return sorted({each.id: each for each in deployments}.values(), key=lambda each: each.name)

    async def find(self, name: str) -> Deployment | None:
        flow_name, _, deployment_name = name.partition("/")
        body = {"flows": {"name": {"any_": [flow_name]}}, "deployments": {"name": {"any_": [deployment_name]}}, "limit": 1}
        for record in await self._client.filter("/deployments/filter", body):
            if not _is_own(flow_name, record):
                return self._client.parse("/deployments/filter", lambda found: to_deployment(found, flow_name), record)
        return None

    async def create_flow_run(self, run: DeploymentRun) -> str:
        body: dict[str, Any] = {"name": run.name, "parameters": quote_parameters(run.parameters), "idempotency_key": run.key}
        if run.trace:
            body["labels"] = dict(run.trace)
        for _ in range(2):
            path = f"/deployments/{await self._get_deployment_id(run.deployment)}/create_flow_run"
            created = await self._client.post(path, body)
            if created is not None:
                return self._client.parse(path, _get_created_id, created)
            self._ids.pop(run.deployment, None)
        raise DeploymentNotFound(f"Prefect has no deployment {run.deployment}.")

    async def find_flow_run(self, deployment: str, key: str) -> str | None:
        flow_name, _, _ = deployment.partition("/")
        body = {"flows": {"name": {"any_": [flow_name]}}, "flow_runs": {"idempotency_key": {"any_": [key]}}, "limit": 1}
        for record in await self._client.filter("/flow_runs/filter", body):
            return self._client.parse("/flow_runs/filter", lambda found: to_id(found["id"]), record)
        return None

    async def observe(self, flow_run_ids: Collection[str]) -> Mapping[str, FlowRunObservation]:
        ids = [each for each in dict.fromkeys(flow_run_ids) if is_id(each)]
        seen: dict[str, FlowRunObservation] = {}
        for start in range(0, len(ids), _PAGE):
            seen |= await self._observe_page(ids[start : start + _PAGE])
        return seen

    async def read_output(self, flow_run_id: str) -> Any:
        return await self._outputs.read(flow_run_id) if is_id(flow_run_id) else None

    async def read_log(self, flow_run_id: str, position: FlowLogPosition, *, is_over: bool) -> FlowLogPage:
        return await self._logs.read(flow_run_id, position, is_over=is_over) if is_id(flow_run_id) else FlowLogPage([], position)

    async def cancel(self, flow_run_id: str) -> None:
        # Prefect's rules cancel a flow run without a process at once, and refuse this for one that is over.
        if is_id(flow_run_id):
            await self._set_state(flow_run_id, {"type": "CANCELLING", "name": "Cancelling"}, force=False)

    async def force_cancelled(self, flow_run_id: str) -> None:
        record = await self._client.get(f"/flow_runs/{flow_run_id}") if is_id(flow_run_id) else None
        if record is not None and not self._client.parse("/flow_runs", to_flow_state, record).is_terminal:
            state = {"type": "CANCELLED", "name": "Cancelled", "message": "Cancelled by Headgate."}
            await self._set_state(flow_run_id, state, force=True)

    async def find_pool_problems(self, pools: Collection[str]) -> Mapping[str, str]:
        names, records = list(dict.fromkeys(pools)), []
        for start in range(0, len(names), _PAGE):
            body = {"work_pools": {"name": {"any_": names[start : start + _PAGE]}}, "limit": _PAGE}
            records += await self._client.filter("/work_pools/filter", body)
        known = self._client.parse("/work_pools/filter", lambda found: {record["name"]: record for record in found}, records)
        problems = {name: _find_pool_problem(name, known.get(name)) for name in names}
        return {name: problem for name, problem in problems.items() if problem is not None}

    async def _observe_page(self, ids: Sequence[str]) -> dict[str, FlowRunObservation]:
        """Observe the flow runs by one request, or by several if their parameters have too many bytes."""
        try:
            body = {"flow_runs": {"id": {"any_": list(ids)}}, "limit": _PAGE}
            records = await self._client.filter("/flow_runs/filter", body, _MAX_PAGE_BYTES)
        except ResponseTooLarge:
            if len(ids) == 1:
                raise
            middle = len(ids) // 2
            return await self._observe_page(ids[:middle]) | await self._observe_page(ids[middle:])
        parse = self._client.parse
        return parse("/flow_runs/filter", lambda found: {to_id(each["id"]): to_observation(each) for each in found}, records)

    async def _get_deployment_id(self, name: str) -> str:
        if name not in self._ids:
            deployment = await self.find(name)
            if deployment is None:
                raise DeploymentNotFound(f"Prefect has no deployment {name}.")
            if len(self._ids) >= _MAX_CACHED_IDS:
                self._ids.clear()
            self._ids[name] = deployment.id
        return self._ids[name]

    async def _read_flow_names(self, flow_ids: Collection[str]) -> dict[str, str]:
        ids = sorted(flow_id for flow_id in flow_ids if is_id(flow_id))
        names: dict[str, str] = {}
        for start in range(0, len(ids), _PAGE):
            body = {"flows": {"id": {"any_": ids[start : start + _PAGE]}}, "limit": _PAGE}
            records = await self._client.filter("/flows/filter", body)
            names |= self._client.parse("/flows/filter", lambda found: {record["id"]: record["name"] for record in found}, records)
        return names

    async def _read_pages(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        offset, has_more = 0, True
        while has_more and offset < _MAX_RECORDS:
            page = await self._client.read_page(path, body, offset, _MAX_PAGE_BYTES)
            records += page.records
            offset, has_more = page.next_offset, page.has_more
        return records

    async def _set_state(self, flow_run_id: str, state: Mapping[str, Any], *, force: bool) -> None:
        await self._client.post(f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": force})


def _is_own(flow_name: str, record: Mapping[str, Any]) -> bool:
    """Return True if Headgate created the deployment for its dispatches. Its entrypoint is a module; a user's is mostly a file."""
    return flow_name == FLOW_NAME and str(record.get("entrypoint")).endswith(f".{FLOW_NAME}")


def _get_created_id(created: dict[str, Any]) -> str:
    if "id" not in created and "detail" in created:
        raise FlowRunRejected(f"Prefect rejected the flow run: {describe_detail(created['detail'])}")
    return to_id(created["id"])


def _find_pool_problem(name: str, pool: Mapping[str, Any] | None) -> str | None:
    if pool is None:
        return f"Prefect has no pool {name}"
    if pool.get("is_paused") or pool.get("status") == "PAUSED":
        return f"pool {name} is paused"
    if pool.get("type") == HEADGATE_POOL_TYPE:
        return f"the workers of pool {name} are Headgate's own, which run no deployments"
    if pool.get("status") == "NOT_READY":
        return f"pool {name} has no worker"
    limit, taken = pool.get("concurrency_limit"), pool.get("active_slots")
    if isinstance(limit, int) and isinstance(taken, int) and taken >= limit:
        slots = {0: f"pool {name} has a limit of 0", 1: f"the only slot of pool {name} is taken"}
        return slots.get(limit, f"all {limit} slots of pool {name} are taken")
    return None
