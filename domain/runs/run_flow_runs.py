"""Request, follow and cancel the flow runs of the stages of kind `prefect`."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from domain.flow_runs.flow_run import FlowRun, FlowRunChange, FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.output.terminal_codes import strip_terminal_codes
from domain.pipelines.definition import OnCancel, StageKind
from domain.runs.attempt import Attempt
from domain.runs.events import EventType
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status

if TYPE_CHECKING:
    from domain.runs.run import Run

PREFECT = "Prefect"
"""The actor of what happens in Prefect."""
CANCEL_SECONDS = 60.0
"""How long Prefect has to cancel a flow run. After that the stage is cancelled, and the flow run's state is forced."""
GONE = "Prefect no longer has its flow run."


def is_submitted(stage: StageRun) -> bool:
    """Return True if a flow run was requested for the stage, which is not over."""
    return stage.definition.kind is StageKind.PREFECT and stage.current.flow_run is not None and not stage.is_over


def count_active_stages(run: "Run") -> int:
    """Return how many stages count toward the run's parallelism: those that run on workers, and those with a flow run."""
    running = sum(stage.status is Status.RUNNING and stage.definition.kind.runs_on_worker for stage in run.stages.values())
    return running + count_submitted_stages(run)


def count_submitted_stages(run: "Run") -> int:
    """Return how many stages have a flow run that is not over."""
    return sum(is_submitted(stage) for stage in run.stages.values())


def request_flow_runs(run: "Run", now: datetime) -> None:
    """Request flow runs for the queued stages that have their slots, as far as the run's parallelism allows."""
    if run.stop_requested_at is not None:
        return
    room = run.definition.parallelism - count_active_stages(run)
    waiting = [stage for stage in run.stages.values() if _is_requestable(stage)]
    for stage in waiting[: max(0, room)]:
        stage.current.flow_run = FlowRun(now)
        _change(run, stage, stage.current, FlowRunChange.CREATE)


def record_created(run: "Run", name: str, number: int, flow_run_id: str, now: datetime) -> None:
    """Store the id of the flow run that Prefect created for an attempt, also if the attempt ended meanwhile."""
    stage, attempt = _find(run, name, number)
    if attempt.flow_run is None or attempt.flow_run.id == flow_run_id:
        return
    attempt.flow_run = replace(attempt.flow_run, id=flow_run_id, problem=None)
    _note(run, stage, attempt, now, message="flow run created", flow_run=flow_run_id)


def note_problem(run: "Run", name: str, number: int, problem: str | None, now: datetime) -> None:
    """Store why the flow run is not created, or does not start; None if nothing keeps it from that any more."""
    stage, attempt = _find(run, name, number)
    before = attempt.flow_run
    if before is None or attempt.status.is_terminal or before.problem == problem:
        return
    attempt.flow_run = replace(before, problem=problem)
    _note(run, stage, attempt, now, message=problem or before.state_name or "its flow run can be created")


def fail_request(run: "Run", name: str, number: int, error_message: str, now: datetime, *, may_exist: bool = False) -> None:
    """Fail an attempt for which Prefect creates no flow run. If an earlier try may still create one, that one is cancelled."""
    stage, attempt = _find(run, name, number)
    if not attempt.status.is_terminal:
        attempt.error_message = error_message
        run.move(stage, Status.FAILED, now, reason=Reason.ERROR, actor=PREFECT)
    if not may_exist:
        _change(run, stage, attempt, FlowRunChange.FORGET)
    run.propagate(now)


def lose_flow_run(run: "Run", name: str, number: int, now: datetime) -> None:
    """Lose an attempt whose flow run is gone from Prefect. If it was to be cancelled, it is cancelled now."""
    stage, attempt = _find(run, name, number)
    if not attempt.status.is_terminal:
        if attempt.stop_requested_at is None:
            attempt.error_message = GONE
            run.move(stage, Status.LOST, now, actor=PREFECT)
        else:
            run.move(stage, Status.CANCELLED, now, actor=PREFECT)
    _change(run, stage, attempt, FlowRunChange.FORGET)
    run.propagate(now)


def observe_flow_run(run: "Run", name: str, number: int, seen: FlowRunObservation, now: datetime) -> None:
    """Apply what Prefect says about the flow run of an attempt. An attempt that is over keeps its status."""
    stage, attempt = _find(run, name, number)
    before = attempt.flow_run
    if before is None:
        return
    attempt.flow_run = replace(before, state=seen.state, state_name=seen.state_name, pool=seen.pool or before.pool, problem=seen.problem)
    is_over = attempt.status.is_terminal
    has_moved = not is_over and _follow(run, stage, seen, now)
    if not has_moved and attempt.flow_run != before:
        problem = seen.problem if seen.problem != before.problem else None
        _note(run, stage, attempt, now, message=problem or seen.state_name, state=seen.state_name)
    if is_over and seen.state.is_terminal:
        _change(run, stage, attempt, FlowRunChange.FORGET)
    run.propagate(now)


def request_stop(run: "Run", stage: StageRun, now: datetime) -> bool:
    """Ask Prefect to cancel the flow run of a stage. Return False if there is none to wait for: the stage can be cancelled at once."""
    attempt = stage.current
    if not is_submitted(stage) or attempt.flow_run is None or attempt.flow_run.id is None or stage.definition.on_cancel is OnCancel.LEAVE:
        return False
    if attempt.stop_requested_at is None:
        attempt.stop_requested_at = now
        attempt.deadline_at = min(attempt.deadline_at or now, now + timedelta(seconds=CANCEL_SECONDS))
        _change(run, stage, attempt, FlowRunChange.CANCEL)
    return True


def release_flow_run(run: "Run", stage: StageRun) -> None:
    """Decide what happens to the flow run of an attempt that has just ended. One that Prefect may be creating now is cancelled."""
    attempt = stage.current
    if attempt.flow_run is None:
        return
    leaves = attempt.status in (Status.CANCELLED, Status.SKIPPED) and stage.definition.on_cancel is OnCancel.LEAVE
    is_left = leaves and attempt.flow_run.id is not None
    _change(run, stage, attempt, FlowRunChange.FORGET if is_left or attempt.flow_run.is_over else FlowRunChange.CANCEL)


def _follow(run: "Run", stage: StageRun, seen: FlowRunObservation, now: datetime) -> bool:
    """Move the attempt as its flow run has moved. Return False if it stays."""
    attempt, is_stopping = stage.current, stage.current.stop_requested_at is not None
    match seen.state:
        case FlowState.COMPLETED:
            if stage.status is Status.QUEUED:
                _start(run, stage, seen, now)
            attempt.output = seen.output
            run.move(stage, Status.COMPLETED, now, actor=PREFECT, message=seen.problem)
        case FlowState.CANCELLED:
            run.move(stage, Status.CANCELLED, now, actor=PREFECT)
        case FlowState.FAILED | FlowState.CRASHED:
            if stage.status is Status.QUEUED and seen.run_seconds > 0:
                _start(run, stage, seen, now)
            _end_badly(run, stage, seen, now)
        case FlowState.RUNNING if not is_stopping and stage.status is not Status.RUNNING:
            _start(run, stage, seen, now)
        case FlowState.PAUSED if not is_stopping and stage.status is not Status.WAITING:
            if stage.status is Status.QUEUED:
                _start(run, stage, seen, now)
            run.move(stage, Status.WAITING, now, reason=Reason.PAUSED, actor=PREFECT)
        case FlowState.SCHEDULED | FlowState.PENDING if not is_stopping and stage.status is Status.WAITING:
            run.move(stage, Status.QUEUED, now, actor=PREFECT)
        case _:
            return False
    return True


def _end_badly(run: "Run", stage: StageRun, seen: FlowRunObservation, now: datetime) -> None:
    if stage.current.stop_requested_at is not None:
        run.move(stage, Status.CANCELLED, now, actor=PREFECT)
        return
    has_crashed = seen.state is FlowState.CRASHED
    message = strip_terminal_codes(seen.message) if seen.message else ""
    stage.current.error_message = message or ("The flow run crashed." if has_crashed else "The flow run failed.")
    reason = Reason.TIMEOUT if seen.state_name == "TimedOut" else None if has_crashed else Reason.ERROR
    run.move(stage, Status.LOST if has_crashed else Status.FAILED, now, reason=reason, actor=PREFECT)


def _start(run: "Run", stage: StageRun, seen: FlowRunObservation, now: datetime) -> None:
    """Let the stage run, since as long ago as Prefect says, but not longer than it has been queued. Its timeout starts only once."""
    attempt = stage.current
    if attempt.started_at is None:
        started = now - timedelta(seconds=max(0.0, seen.run_seconds))
        attempt.started_at = max(started, attempt.queued_at or started)
        if attempt.stop_requested_at is None:
            attempt.deadline_at = attempt.started_at + timedelta(seconds=stage.definition.timeout)
        run.started_at = run.started_at or attempt.started_at
    run.move(stage, Status.RUNNING, now, actor=PREFECT)


def _note(run: "Run", stage: StageRun, attempt: Attempt, now: datetime, **data: str) -> None:
    run.record(EventType.PREFECT_NOTED, now, stage=stage, attempt=attempt.number, data=data)


def _is_requestable(stage: StageRun) -> bool:
    is_queued = stage.status is Status.QUEUED and stage.current.reason is not Reason.LIMIT
    return is_queued and stage.definition.kind is StageKind.PREFECT and stage.current.flow_run is None


def _find(run: "Run", name: str, number: int) -> tuple[StageRun, Attempt]:
    stage = run.get_stage(name)
    return stage, stage.get_attempt(number)


def _change(run: "Run", stage: StageRun, attempt: Attempt, change: FlowRunChange) -> None:
    run.flow_run_changes[list(run.stages).index(stage.name), attempt.number] = change
    run.has_flow_run_news = run.has_flow_run_news or change is not FlowRunChange.FORGET
