"""Builds read models from stored rows."""

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.attempt import Attempt
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from tests.fakes.persistence.store import Tables


def run_view(tables: Tables, run: Run) -> RunView:
    waiting = [entry for entry in tables.outbox.values() if entry.run_id == run.id]
    newest = tables.dispatches.get((run.id, run.dispatch.epoch))
    dispatches = [dispatch for _, dispatch in sorted(item for item in tables.dispatches.items() if item[0][0] == run.id)]
    return RunView(
        id=run.id,
        number=run.number,
        pipeline_id=run.pipeline_id,
        pipeline=tables.pipelines[run.pipeline_id].name,
        revision=run.revision,
        status=run.status,
        verdict=run.verdict,
        trigger=run.trigger.kind,
        actor=run.trigger.actor,
        parameters=run.parameters,
        pool=run.pool,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        records_processed=run.records_processed,
        dispatch_state=run.dispatch.state.value,
        dispatch_epoch=run.dispatch.epoch,
        dispatch_holder=run.dispatch.holder,
        dispatch_requested_at=newest.requested_at if newest else None,
        stop_requested_at=run.stop_requested_at,
        last_seq=run.last_seq,
        flow_run_ids=[dispatch.flow_run_id for dispatch in dispatches if dispatch.flow_run_id],
        unrecorded=bool(waiting),
        refusal=next((entry.error for entry in reversed(waiting) if entry.quarantined), None),
        stages=[_stage_view(stage) for stage in run.stages.values()],
        repeats=run.trigger.repeats,
        trace=run.trace,
        parallelism=run.definition.parallelism,
        scheduled_for=run.trigger.scheduled_for,
        priority=run.priority,
        slot_state=run.slot_state.value,
        over_limit=run.over_limit,
        backfill_id=run.trigger.backfill_id,
        idle_seconds=run.idle_seconds,
        idle_since=run.idle_since,
    )


def _stage_view(stage: StageRun) -> StageRunView:
    definition = stage.definition
    return StageRunView(
        name=definition.name,
        kind=definition.kind.value,
        needs=list(definition.needs),
        attempts=[_attempt_view(attempt) for attempt in stage.attempts],
        allow_failure=definition.allow_failure,
        retries=definition.retries,
        timeout=definition.timeout,
        approvers=list(definition.approvers),
        message=definition.message,
        fields=definition.fields,
        deployment=definition.deployment,
        parameters=definition.parameters,
        on_cancel=definition.on_cancel,
    )


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        status=attempt.status,
        reason=attempt.reason,
        created_at=attempt.created_at,
        queued_at=attempt.queued_at,
        due_at=attempt.due_at,
        deadline_at=attempt.deadline_at,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        records_processed=attempt.records_processed,
        error_message=attempt.error_message,
        message=attempt.message,
        output=attempt.output,
        worker=attempt.worker,
        by_person=attempt.by_person,
        stop_requested_at=attempt.stop_requested_at,
        fingerprint=attempt.fingerprint,
        flow_run=attempt.flow_run,
    )
