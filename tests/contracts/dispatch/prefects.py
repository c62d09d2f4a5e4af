"""The Prefects that the contract of deployments runs against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx

from adapters.orchestration.prefect_deployments import PrefectDeployments
from adapters.system.clock import SystemClock
from application.ports.dispatch.deployments import Deployment, Deployments
from bench.support.counting_proxy import counting_proxy
from domain.flow_runs.flow_state import FlowState
from tests.fakes import FakeClock, FakeDeployments
from tests.support.plain_http import NO_TLS
from tests.support.ports import find_free_port
from tests.support.prefect_server import RunningPrefect


class PrefectUnderTest(Protocol):
    """A Prefect that tests fill as its users do. `unreachable` is the port to one that does not run."""

    deployments: Deployments
    unreachable: Deployments

    async def add(self, deployment: Deployment) -> None:
        """Add a deployment and its work pool. Its id is not used."""

    async def remove(self, name: str) -> None: ...
    async def set_state(self, flow_run_id: str, state: FlowState, name: str | None = None, message: str | None = None) -> None: ...
    async def delete(self, flow_run_id: str) -> None: ...
    async def log(self, flow_run_id: str, text: str, seconds_ago: float) -> None: ...
    async def add_artifact(self, flow_run_id: str, key: str, kind: str, data: Any) -> None: ...
    def count_requests(self) -> int: ...


class FakePrefect:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.deployments = self.fake = FakeDeployments(self.clock)
        self.unreachable = FakeDeployments()
        self.unreachable.is_down = True

    async def add(self, deployment: Deployment) -> None:
        self.fake.put(deployment)

    async def remove(self, name: str) -> None:
        self.fake.remove(name)

    async def set_state(self, flow_run_id: str, state: FlowState, name: str | None = None, message: str | None = None) -> None:
        self.fake.set_state(flow_run_id, state, name, message)

    async def delete(self, flow_run_id: str) -> None:
        self.fake.delete(flow_run_id)

    async def log(self, flow_run_id: str, text: str, seconds_ago: float) -> None:
        self.fake.log(flow_run_id, text, self.clock.now() - timedelta(seconds=seconds_ago))

    async def add_artifact(self, flow_run_id: str, key: str, kind: str, data: Any) -> None:
        self.fake.add_artifact(flow_run_id, key, kind, data)

    def count_requests(self) -> int:
        return self.fake.requests.total()


class RealPrefect:
    """A running server. Its port is used through a proxy that counts the requests."""

    def __init__(self, api: httpx.AsyncClient, deployments: Deployments, unreachable: Deployments, requested: list[str]) -> None:
        self.api, self.deployments, self.unreachable, self._requested = api, deployments, unreachable, requested

    async def add(self, deployment: Deployment) -> None:
        await self.add_all([deployment])

    async def add_all(self, deployments: Sequence[Deployment]) -> None:
        """Add deployments of one flow, which have the same work pool."""
        flow_name, pool = deployments[0].name.partition("/")[0], deployments[0].pool
        await self.api.post("/work_pools/", json={"name": pool, "type": "process"})
        flow = await self.post("/flows/", {"name": flow_name})
        for deployment in deployments:
            body = {
                "name": deployment.name.partition("/")[2],
                "flow_id": flow["id"],
                "work_pool_name": pool,
                "parameter_openapi_schema": deployment.schema,
                "parameters": deployment.defaults,
                "description": deployment.description,
                "paused": deployment.is_paused,
                "enforce_parameter_schema": deployment.is_strict,
            }
            await self.post("/deployments/", body)

    async def remove(self, name: str) -> None:
        found = (await self.api.get(f"/deployments/name/{name}")).raise_for_status().json()
        (await self.api.delete(f"/deployments/{found['id']}")).raise_for_status()

    async def set_state(self, flow_run_id: str, state: FlowState, name: str | None = None, message: str | None = None) -> None:
        details = {"pause_reschedule": True} if name == "Suspended" else {}
        body = {"type": state.value.upper(), "name": name or state.value.capitalize(), "message": message, "state_details": details}
        await self.post(f"/flow_runs/{flow_run_id}/set_state", {"state": body, "force": True})

    async def delete(self, flow_run_id: str) -> None:
        (await self.api.delete(f"/flow_runs/{flow_run_id}")).raise_for_status()

    async def log(self, flow_run_id: str, text: str, seconds_ago: float) -> None:
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        record = {"name": "flow", "level": 20, "message": text, "timestamp": at.isoformat(), "flow_run_id": flow_run_id}
        (await self.api.post("/logs/", json=[record])).raise_for_status()

    async def add_artifact(self, flow_run_id: str, key: str, kind: str, data: Any) -> None:
        await self.post("/artifacts/", {"key": key, "type": kind, "data": data, "flow_run_id": flow_run_id})

    def count_requests(self) -> int:
        return len(self._requested)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return (await self.api.post(path, json=body)).raise_for_status().json()


@asynccontextmanager
async def a_real_prefect(server: RunningPrefect) -> AsyncIterator[RealPrefect]:
    user, _, password = server.auth_string.partition(":")
    unreachable = PrefectDeployments(f"http://127.0.0.1:{find_free_port()}/api", None, SystemClock())
    async with (
        counting_proxy(server.api_url) as (url, requested),
        httpx.AsyncClient(base_url=server.api_url, auth=(user, password), trust_env=False, timeout=30, verify=NO_TLS) as api,
    ):
        deployments = PrefectDeployments(url, server.auth_string, SystemClock())
        try:
            yield RealPrefect(api, deployments, unreachable, requested)
        finally:
            await deployments.close()
            await unreachable.close()
