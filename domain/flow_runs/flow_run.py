"""The flow run of an attempt of a stage of kind `prefect`."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from domain.flow_runs.flow_state import FlowState


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A flow run in Prefect, as far as Headgate knows it. `id` is None until Prefect has created it.

    `state` and `state_name` are the last ones that Prefect gave, such as `scheduled` and `Late`; `pool` is its work pool. `problem` is why
    it was not created, or does not start, as the end of a sentence.
    """

    requested_at: datetime
    id: str | None = None
    state: FlowState | None = None
    state_name: str | None = None
    pool: str | None = None
    problem: str | None = None

    @property
    def is_over(self) -> bool:
        return self.state is not None and self.state.is_terminal


@dataclass(frozen=True, slots=True)
class FlowRunObservation:
    """A state of a flow run that Prefect reported.

    `run_seconds` is how long the flow run has run; `output` are its result and artifacts, once it has completed.
    """

    state: FlowState
    state_name: str
    message: str | None = None
    pool: str | None = None
    run_seconds: float = 0.0
    problem: str | None = None
    output: Any = None


class FlowRunChange(Enum):
    """The action that a flow run needs after the commit."""

    CREATE = auto()
    CANCEL = auto()
    """Cancel it, also if it is created only now."""
    FORGET = auto()
    """Nothing: it has ended, is gone, or goes on without Headgate."""
