"""Why a flow run has not started."""

from enum import Enum, auto

from domain.flow_runs.flow_run import FlowRun
from domain.flow_runs.flow_state import FlowState


class StartWait(Enum):
    """The condition that keeps a flow run from starting, or from starting again."""

    CREATION = auto()
    """Headgate is about to create it."""
    CREATION_RETRY = auto()
    """Prefect did not create it; Headgate will retry."""
    PROBLEM = auto()
    """Prefect has it, but cannot start it."""
    OBSERVATION = auto()
    """Prefect has it; its state is not known yet."""
    WORKER = auto()
    """No worker has taken it yet."""
    LATE_WORKER = auto()
    """No worker has taken it for so long that Prefect calls it late."""
    CONCURRENCY = auto()
    """A concurrency limit of Prefect is reached."""
    START = auto()
    """A worker has taken it and is starting it."""
    REPETITION = auto()
    """It has failed, and Prefect runs it again after a delay."""
    CANCELLATION = auto()
    """It is being cancelled in Prefect."""


_BY_STATE_NAME = {
    "Late": StartWait.LATE_WORKER,
    "AwaitingConcurrencySlot": StartWait.CONCURRENCY,
    "AwaitingRetry": StartWait.REPETITION,
}


def find_start_wait(flow_run: FlowRun) -> StartWait:
    """Return why a flow run is not running."""
    if flow_run.id is None:
        return StartWait.CREATION if flow_run.problem is None else StartWait.CREATION_RETRY
    if flow_run.problem is not None:
        return StartWait.PROBLEM
    if flow_run.state is None:
        return StartWait.OBSERVATION
    if flow_run.state is FlowState.CANCELLING:
        return StartWait.CANCELLATION
    if flow_run.state is FlowState.PENDING:
        return StartWait.START
    return _BY_STATE_NAME.get(flow_run.state_name or "", StartWait.WORKER)
