"""The engine beneath: where dispatches are recorded, or carried in pools that are not ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from domain.errors import Unavailable


class FlowState(StrEnum):
    """A flow run's state in the engine, as far as the rules care."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in (FlowState.COMPLETED, FlowState.FAILED, FlowState.CRASHED, FlowState.CANCELLED)


@dataclass(frozen=True, slots=True)
class FlowRunRequest:
    """A flow run for one dispatch. `key` makes a repeated request return the same flow run; `state` is what it is born as:
    None leaves it scheduled, for the engine's own worker to take."""

    pool: str
    key: str
    name: str
    parameters: Mapping[str, Any]
    state: FlowState | None = None
    trace: Mapping[str, str] | None = None


class FlowRunRejected(Unavailable):
    """The engine answers and will not have this: asking again changes nothing by itself."""


class Orchestrator(Protocol):
    """Spoken to over the network: every call may raise Unavailable, and none is made inside a transaction."""

    async def create_flow_run(self, request: FlowRunRequest) -> str:
        """The flow run's id. Makes the pool and its deployment first when they are missing. FlowRunRejected for one it will not have."""
        ...

    async def get_states(self, flow_run_ids: Sequence[str]) -> Mapping[str, FlowState]:
        """The states of those that exist; a missing one is left out."""
        ...

    async def set_state(self, flow_run_id: str, state: FlowState, message: str) -> None:
        """Force the state; a flow run that is gone is passed over."""
        ...

    async def is_healthy(self) -> bool:
        """True when it answers within a second; never raises."""
        ...
