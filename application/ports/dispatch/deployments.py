"""The deployments of the orchestrator (Prefect), and their flow runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from application.ports.dispatch.orchestrator import FlowRunRejected
from domain.flow_runs.flow_run import FlowRunObservation


class DeploymentNotFound(FlowRunRejected):
    """The orchestrator has no deployment of that name."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment. `name` is FLOW/NAME; `schema` is the JSON Schema of its parameters, and `defaults` are those it gives itself.

    `is_strict` is True if the orchestrator refuses parameters that break the schema.
    """

    id: str
    name: str
    schema: Mapping[str, Any] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    pool: str | None = None
    description: str = ""
    is_paused: bool = False
    is_strict: bool = True


@dataclass(frozen=True, slots=True)
class DeploymentRun:
    """A flow run of a deployment to create. A repeated request with the same `key` returns the same flow run."""

    deployment: str
    key: str
    name: str
    parameters: Mapping[str, Any]
    trace: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FlowLogPosition:
    """How far the log of a flow run was read: up to lines of this time, of which those with these ids were read already."""

    at: datetime | None = None
    read_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FlowLogLine:
    """A message that a flow run logged; it can have several lines. `level` is Python's number, such as 20 for INFO."""

    id: str
    at: datetime
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class FlowLogPage:
    """The next messages, in order, and the position after them. `has_more` is True if further ones can be read at once."""

    lines: Sequence[FlowLogLine]
    position: FlowLogPosition
    has_more: bool = False


class Deployments(Protocol):
    """A service on the network: every call can raise Unavailable, and no call is made inside a transaction."""

    async def list_all(self) -> Sequence[Deployment]:
        """Return the deployments by name, without those that Headgate made for its own dispatches."""
        ...

    async def find(self, name: str) -> Deployment | None: ...

    async def create_flow_run(self, run: DeploymentRun) -> str:
        """Create a flow run, scheduled for now. Return its id. Raises DeploymentNotFound, or FlowRunRejected, e.g. for its parameters."""
        ...

    async def find_flow_run(self, deployment: str, key: str) -> str | None:
        """Return the id of the flow run that was created with this key."""
        ...

    async def observe(self, flow_run_ids: Collection[str]) -> Mapping[str, FlowRunObservation]:
        """Return what is known of the flow runs that exist, without outputs. 200 of them cost one request."""
        ...

    async def read_output(self, flow_run_id: str) -> Any:
        """Return the result and the artifacts of a completed flow run as JSON values; None if it has neither."""
        ...

    async def read_log(self, flow_run_id: str, position: FlowLogPosition, *, is_over: bool) -> FlowLogPage:
        """Return messages after the position. Those of the last seconds may still be out of order; they are left out unless it is over."""
        ...

    async def cancel(self, flow_run_id: str) -> None:
        """Ask for the end of the flow run. One that has not started is cancelled at once. Nothing happens if it is over or unknown."""
        ...

    async def force_cancelled(self, flow_run_id: str) -> None:
        """Set the state Cancelled unless the flow run is over or unknown."""
        ...

    async def find_pool_problems(self, pools: Collection[str]) -> Mapping[str, str]:
        """Return why work pools start nothing, such as "pool k8s has no worker", for those of them that do not."""
        ...
