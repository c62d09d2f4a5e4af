"""What Prefect does with the flow run of a stage, applied to a stored run."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.run import Run
from domain.runs.run_flow_runs import note_problem, observe_flow_run, record_created

FLOW_RUN: Final = "0b0f8d1e-6c0e-4b0c-9b43-3a9d1f6f2f10"
POOL: Final = "k8s"


def created(stage: str, at: datetime, flow_run_id: str = FLOW_RUN, attempt: int = 1) -> Callable[[Run], None]:
    """Return a change after which Prefect has created the flow run."""
    return lambda run: record_created(run, stage, attempt, flow_run_id, at)


def delayed(stage: str, problem: str, at: datetime, attempt: int = 1) -> Callable[[Run], None]:
    """Return a change after which the flow run is not created, or does not start, for this reason."""
    return lambda run: note_problem(run, stage, attempt, problem, at)


def observed(
    stage: str, state: FlowState, at: datetime, name: str | None = None, *, attempt: int = 1, **keys: Any
) -> Callable[[Run], None]:
    """Return a change after which Prefect gave this state for the flow run."""
    seen = FlowRunObservation(state, name or state.value.capitalize(), pool=keys.pop("pool", POOL), **keys)
    return lambda run: observe_flow_run(run, stage, attempt, seen, at)
