"""The orchestrator (Prefect): it records dispatches, and executes those of pools of other types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState


@dataclass(frozen=True, slots=True)
class FlowRunRequest:
    """A flow run to create for a dispatch. A repeated request with the same `key` returns the same flow run. `state` is the initial state;
    None leaves the flow run scheduled, for a worker of the orchestrator."""

    pool: str
    key: str
    name: str
    parameters: Mapping[str, Any]
    state: FlowState | None = None
    trace: Mapping[str, str] | None = None


class FlowRunRejected(Unavailable):
    """The orchestrator refuses the flow run. A retry does not help unless something changes."""


class Orchestrator(Protocol):
    """A service on the network: every call can raise Unavailable, and no call is made inside a transaction."""

    async def create_flow_run(self, request: FlowRunRequest) -> str:
        """Create a flow run, and its pool and deployment if they are missing. Returns the id. Raises FlowRunRejected."""
        ...

    async def get_states(self, flow_run_ids: Sequence[str]) -> Mapping[str, FlowState]:
        """Return the states of the flow runs that exist."""
        ...

    async def set_state(self, flow_run_id: str, state: FlowState, message: str) -> None:
        """Set the state unconditionally. Unknown flow runs are ignored."""
        ...

    async def is_healthy(self) -> bool:
        """Return True if the orchestrator answers within a second. Never raises."""
        ...
