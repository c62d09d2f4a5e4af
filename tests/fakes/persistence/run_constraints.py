"""The constraints that the tables put on a stored run."""

from dataclasses import replace

from domain.runs.attempt import Attempt
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from tests.fakes.persistence import values
from tests.fakes.persistence.values import RowRejected


def check_run(run: Run, before: Run | None) -> None:
    """Raise RowRejected if events leave a gap or repeat a number, or an attempt vanishes, skips a number or leaves a final status."""
    last = before.last_seq if before else 0
    numbers = [event.seq for event in run.new_events]
    if numbers != list(range(last + 1, run.last_seq + 1)):
        raise RowRejected(f"after event {last} come {numbers}, and the run says {run.last_seq}")
    for name, stage in run.stages.items():
        if [attempt.number for attempt in stage.attempts] != list(range(1, len(stage.attempts) + 1)) or not stage.attempts:
            raise RowRejected(f"the attempts of {name} are not numbered 1, 2, 3…")
    if before is not None:
        _check_against(run, before)


def _check_against(run: Run, before: Run) -> None:
    if run.stages.keys() != before.stages.keys() or run.number != before.number or run.pipeline_id != before.pipeline_id:
        raise RowRejected("a stored run changed what it is")
    if run.dispatch.epoch < before.dispatch.epoch:
        raise RowRejected("a dispatch's number goes back")
    for name, stage in before.stages.items():
        now = run.stages[name].attempts
        if len(now) < len(stage.attempts):
            raise RowRejected(f"an attempt of {name} vanished")
        for old, new in zip(stage.attempts, now, strict=False):
            if old.status.is_terminal and new.status is not old.status:
                raise RowRejected(f"attempt {old.number} of {name} was {old.status} and became {new.status}")


def to_stored(run: Run, run_id: int) -> Run:
    """Return a copy as the store returns it: JSON parsed again, without new events."""
    for word in (run.trigger.kind, run.trigger.actor, run.dispatch.holder):
        values.text(word)
    for at in (run.created_at, run.started_at, run.finished_at, run.stop_requested_at, run.reopened_at, run.idle_since):
        values.moment(at)
    return replace(
        run,
        id=run_id,
        stages={name: _storable_stage(stage) for name, stage in run.stages.items()},
        parameters=values.document(dict(run.parameters)),
        trace=values.document(dict(run.trace)),
        dispatch=replace(run.dispatch),
        new_events=[],
        new_dispatch=None,
        slot_changes={},
        flow_run_changes={},
    )


def _storable_stage(stage: StageRun) -> StageRun:
    return StageRun(stage.definition, [_storable_attempt(attempt) for attempt in stage.attempts])


def _storable_attempt(attempt: Attempt) -> Attempt:
    for word in (attempt.error_message, attempt.message, attempt.worker):
        values.text(word)
    for at in (attempt.created_at, attempt.queued_at, attempt.due_at, attempt.deadline_at, attempt.started_at, attempt.finished_at):
        values.moment(at)
    values.bigint(attempt.records_processed)
    values.bigint(attempt.epoch)
    if attempt.flow_run is not None:
        for word in (attempt.flow_run.id, attempt.flow_run.state_name, attempt.flow_run.pool, attempt.flow_run.problem):
            values.text(word)
        values.moment(attempt.flow_run.requested_at)
    return replace(attempt, output=values.document(attempt.output))
