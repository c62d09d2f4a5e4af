"""Build the flow run that shows a dispatch in Prefect."""

from application.commands.dispatches.claims import DispatchRules, dispatch_key
from application.ports.dispatch.orchestrator import FlowRunRequest
from application.ports.persistence.dispatches import DispatchRecord
from domain.flow_runs.flow_state import FlowState
from domain.runs.dispatch import DispatchState
from domain.runs.status import Status


def build_flow_run_request(record: DispatchRecord, rules: DispatchRules, state: FlowState | None) -> FlowRunRequest:
    """Return the request for the flow run of a dispatch, in the given initial state. Each dispatch has one key, so it has one flow run."""
    return FlowRunRequest(
        pool=record.pool,
        key=dispatch_key(rules, record.run_id, record.epoch),
        name=f"{record.pipeline}#{record.number}" + (f" dispatch {record.epoch}" if record.epoch > 1 else ""),
        parameters={"run_id": record.run_id, "number": record.number, "epoch": record.epoch},
        state=state,
    )


def get_final_flow_state(record: DispatchRecord) -> FlowState:
    """Return the flow run state of a dispatch that has ended.

    If the run ended with the dispatch, this is the run's outcome. Otherwise the dispatch itself completed or crashed.
    """
    if record.lost:
        return FlowState.CRASHED
    if record.state is not DispatchState.NONE:
        return FlowState.COMPLETED
    outcomes = {Status.FAILED: FlowState.FAILED, Status.CANCELLED: FlowState.CANCELLED, Status.LOST: FlowState.CRASHED}
    return outcomes.get(record.run_status, FlowState.COMPLETED)
