"""A small Prefect in memory: deployments, their flow runs, messages, artifacts and work pools."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from application.ports.dispatch.deployments import (
    Deployment,
    DeploymentNotFound,
    DeploymentRun,
    FlowLogLine,
    FlowLogPage,
    FlowLogPosition,
)
from application.ports.dispatch.orchestrator import FlowRunRejected
from application.ports.system.clock import Clock
from domain.errors import Unavailable
from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from tests.fakes.system.clock import FakeClock
from tests.fakes.system.parameter_schemas import FakeParameterSchemas

IDS_PER_REQUEST = 200
SETTLE_SECONDS = 3.0


@dataclass(slots=True)
class FakeFlowRun:
    request: DeploymentRun
    parameters: Mapping[str, Any]
    seen: FlowRunObservation
    output: Any = None
    lines: list[FlowLogLine] = field(default_factory=list)


class FakeDeployments:
    """With `is_down`, all calls raise Unavailable. With `loses_answers`, a flow run is created, but the caller gets Unavailable.

    `flow_runs` holds the flow runs by id, in the order of their creation. `requests` counts the requests to Prefect by method.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.is_down = False
        self.loses_answers = False
        self.lines_per_page = 200
        self.flow_runs: dict[str, FakeFlowRun] = {}
        self.requests: Counter[str] = Counter()
        self.pool_problems: dict[str, str] = {}
        self._clock = clock or FakeClock()
        self._deployments: dict[str, Deployment] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._count = 0

    async def list_all(self) -> Sequence[Deployment]:
        self._request("list_all")
        return [self._deployments[name] for name in sorted(self._deployments)]

    async def find(self, name: str) -> Deployment | None:
        self._request("find")
        return self._deployments.get(name)

    async def create_flow_run(self, run: DeploymentRun) -> str:
        self._request("create_flow_run")
        deployment = self._deployments.get(run.deployment)
        if deployment is None:
            raise DeploymentNotFound(f"Prefect has no deployment {run.deployment}.")
        parameters = {**deployment.defaults, **run.parameters}
        if deployment.is_strict:
            _check_parameters(parameters, deployment.schema)
        flow_run_id = self._ids.get(_get_key(run.deployment, run.key))
        if flow_run_id is None:
            flow_run_id = self._add_flow_run(run, parameters, deployment.pool)
        if self.loses_answers:
            raise Unavailable("Prefect does not respond.")
        return flow_run_id

    async def find_flow_run(self, deployment: str, key: str) -> str | None:
        self._request("find_flow_run")
        return self._ids.get(_get_key(deployment, key))

    async def observe(self, flow_run_ids: Collection[str]) -> Mapping[str, FlowRunObservation]:
        ids = [each for each in dict.fromkeys(flow_run_ids) if _is_uuid(each)]
        for _ in range(0, len(ids), IDS_PER_REQUEST):
            self._request("observe")
        return {each: self.flow_runs[each].seen for each in ids if each in self.flow_runs}

    async def read_output(self, flow_run_id: str) -> Any:
        self._request("read_output")
        return self.flow_runs[flow_run_id].output if flow_run_id in self.flow_runs else None

    async def read_log(self, flow_run_id: str, position: FlowLogPosition, *, is_over: bool) -> FlowLogPage:
        self._request("read_log")
        settled = self._clock.now() - timedelta(seconds=SETTLE_SECONDS)
        lines = self.flow_runs[flow_run_id].lines if flow_run_id in self.flow_runs else []
        unread = [line for line in lines if line.id not in position.read_ids and (is_over or line.at <= settled)]
        page = sorted(unread, key=lambda line: (line.at, line.id))[: self.lines_per_page]
        if not page:
            return FlowLogPage([], position)
        read = FlowLogPosition(page[-1].at, position.read_ids | {line.id for line in page})
        return FlowLogPage(page, read, has_more=len(unread) > len(page))

    async def cancel(self, flow_run_id: str) -> None:
        self._request("cancel")
        run = self.flow_runs.get(flow_run_id)
        if run is None or run.seen.state.is_terminal:
            return
        is_idle = (run.seen.state is FlowState.SCHEDULED and run.seen.state_name != "AwaitingRetry") or run.seen.state_name == "Suspended"
        self.set_state(flow_run_id, FlowState.CANCELLED if is_idle else FlowState.CANCELLING)

    async def force_cancelled(self, flow_run_id: str) -> None:
        self._request("force_cancelled")
        if flow_run_id in self.flow_runs and not self.flow_runs[flow_run_id].seen.state.is_terminal:
            self.set_state(flow_run_id, FlowState.CANCELLED)

    async def find_pool_problems(self, pools: Collection[str]) -> Mapping[str, str]:
        self._request("find_pool_problems")
        return {pool: self.pool_problems[pool] for pool in pools if pool in self.pool_problems}

    async def close(self) -> None: ...

    def add(self, name: str = "ml/train", schema: Mapping[str, Any] | None = None, **fields: Any) -> Deployment:
        """Add a deployment, or replace the one of that name. `fields` are those of Deployment. Without a schema it is not strict."""
        return self.put(Deployment(f"deployment-{name}", name, schema, **{"pool": "k8s", "is_strict": schema is not None, **fields}))

    def put(self, deployment: Deployment) -> Deployment:
        self._deployments[deployment.name] = deployment
        return deployment

    def remove(self, name: str) -> None:
        del self._deployments[name]

    def set_state(
        self, flow_run_id: str, state: FlowState, name: str | None = None, message: str | None = None, run_seconds: float = 0.0
    ) -> None:
        """Move a flow run. Prefect's own name of the state is its type, such as `Running`."""
        run = self.flow_runs[flow_run_id]
        run.seen = FlowRunObservation(state, name or state.value.capitalize(), message, run.seen.pool, run_seconds)

    def log(self, flow_run_id: str, text: str, at: datetime | None = None, level: int = 20) -> FlowLogLine:
        """Add a message to the log of a flow run, of this moment unless `at` is given."""
        self._count += 1
        line = FlowLogLine(str(UUID(int=self._count)), at or self._clock.now(), level, text)
        self.flow_runs[flow_run_id].lines.append(line)
        return line

    def add_artifact(self, flow_run_id: str, key: str, kind: str, data: Any) -> None:
        """Add an artifact to the output of a flow run."""
        run = self.flow_runs[flow_run_id]
        run.output = run.output or {"result": None, "artifacts": []}
        run.output["artifacts"].append({"key": key, "type": kind, "description": None, "data": data})

    def delete(self, flow_run_id: str) -> None:
        """Delete a flow run, as a user of Prefect can."""
        del self.flow_runs[flow_run_id]
        self._ids = {key: each for key, each in self._ids.items() if each != flow_run_id}

    def lose_everything(self) -> None:
        """Forget deployments and flow runs, as with a lost database."""
        self._deployments.clear()
        self.flow_runs.clear()
        self._ids.clear()

    def _add_flow_run(self, run: DeploymentRun, parameters: Mapping[str, Any], pool: str | None) -> str:
        self._count += 1
        flow_run_id = str(UUID(int=self._count))
        self._ids[_get_key(run.deployment, run.key)] = flow_run_id
        self.flow_runs[flow_run_id] = FakeFlowRun(run, parameters, FlowRunObservation(FlowState.SCHEDULED, "Scheduled", pool=pool))
        return flow_run_id

    def _request(self, method: str) -> None:
        self.requests[method] += 1
        if self.is_down:
            raise Unavailable("Prefect does not respond.")


def _get_key(deployment: str, key: str) -> tuple[str, str]:
    """Return the flow's name and the key: Prefect keeps keys by flow, not by deployment."""
    return deployment.partition("/")[0], key


def _check_parameters(parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> None:
    if schema is None:
        raise FlowRunRejected("Prefect rejected the flow run: the deployment does not have a valid parameter schema.")
    for problem in FakeParameterSchemas().find_problems(parameters, schema):
        raise FlowRunRejected(f"Prefect rejected the flow run: {problem.field} {problem.message}")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
