"""The states of a flow run in Prefect."""

from enum import StrEnum


class FlowState(StrEnum):
    """The type of a flow run's state."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in (FlowState.COMPLETED, FlowState.FAILED, FlowState.CRASHED, FlowState.CANCELLED)
