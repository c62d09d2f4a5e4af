"""Builds the read models of runs, with one query for all their attempts and one for all their dispatches."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Text, case, cast, select
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import is_any_of
from adapters.persistence.connection.json_codec import load_json
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.lru_cache import LruCache
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.repositories.runs.flow_run_values import parse_flow_run
from adapters.persistence.repositories.runs.run_statements import SELECT_ATTEMPTS
from adapters.persistence.tables.dispatches import dispatch, outbox
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import attempt, run
from application.queries.views.events import EventView
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import PipelineDefinition
from domain.runs.events import EventType
from domain.runs.status import Reason, Status

RUNS = select(run, pipeline.c.name.label("pipeline")).join(pipeline, pipeline.c.id == run.c.pipeline_id)
_REFUSAL = case((outbox.c.quarantined_at.is_not(None), outbox.c.last_error)).label("refusal")
_DISPATCHES = (
    select(
        dispatch.c.run_id,
        dispatch.c.epoch,
        dispatch.c.requested_at,
        dispatch.c.flow_run_id,
        outbox.c.id.is_not(None).label("is_unsent"),
        _REFUSAL,
    )
    .outerjoin(outbox, (outbox.c.run_id == dispatch.c.run_id) & (outbox.c.epoch == dispatch.c.epoch))
    .where(is_any_of(dispatch.c.run_id, "ids"))
    .order_by(dispatch.c.run_id, dispatch.c.epoch)
)


_OUTPUT = cast(attempt.c.output, Text).label("output")
_ATTEMPTS = SELECT_ATTEMPTS.with_only_columns(*(column for column in SELECT_ATTEMPTS.selected_columns if column.name != "output"), _OUTPUT)
"""Outputs are read as text: the driver would decode those of all runs at once, and other tasks would wait."""
LARGE_OUTPUT = 50_000
"""Characters of an output that is decoded after other tasks ran."""
UNBROKEN_RUNS = 100
"""Runs that are converted before other tasks run."""
StageViewCache = LruCache[tuple[int, int], list[StageRunView]]
"""The stages of a run by (run id, last seq): no attempt changes without an event."""


async def load_run_views(
    transaction: SqlTransaction, definitions: DefinitionLoader, rows: Sequence[Row[Any]], stages: StageViewCache | None = None
) -> list[RunView]:
    """Return the runs of these rows of `RUNS`, in their order. With a cache, read the attempts only of runs that changed since."""
    if not rows:
        return []
    definitions_by_key = await definitions.load((row.pipeline_id, row.revision) for row in rows)
    known = {row.id: cached for row in rows if stages is not None and (cached := stages.get((row.id, row.last_seq))) is not None}
    changed = [row for row in rows if row.id not in known]
    attempts = _by_run(await transaction.execute(_ATTEMPTS, {"ids": [row.id for row in changed]}) if changed else ())
    for index, row in enumerate(changed, 1):
        if index % UNBROKEN_RUNS == 0:
            await asyncio.sleep(0)
        known[row.id] = await _load_stage_views(definitions_by_key[row.pipeline_id, row.revision], attempts[row.id])
        if stages is not None:
            stages.put((row.id, row.last_seq), known[row.id], weight=len(attempts[row.id]))
    dispatches = _by_run(await transaction.execute(_DISPATCHES, {"ids": [row.id for row in rows]}))
    return [_run_view(row, definitions_by_key[row.pipeline_id, row.revision], known[row.id], dispatches[row.id]) for row in rows]


def _by_run(rows: Iterable[Row[Any]]) -> defaultdict[int, list[Row[Any]]]:
    grouped: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.run_id].append(row)
    return grouped


def _run_view(row: Row[Any], definition: PipelineDefinition, stages: list[StageRunView], dispatches: list[Row[Any]]) -> RunView:
    return RunView(
        id=row.id,
        number=row.number,
        pipeline_id=row.pipeline_id,
        pipeline=row.pipeline,
        revision=row.revision,
        status=Status(row.status),
        verdict=Status(row.verdict) if row.verdict else None,
        trigger=row.trigger,
        actor=row.actor,
        parameters=row.parameters,
        pool=row.pool,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        records_processed=row.records_processed,
        dispatch_state=row.dispatch_state,
        dispatch_epoch=row.dispatch_epoch,
        dispatch_holder=row.dispatch_holder,
        dispatch_requested_at=next((dispatch.requested_at for dispatch in dispatches if dispatch.epoch == row.dispatch_epoch), None),
        stop_requested_at=row.stop_requested_at,
        last_seq=row.last_seq,
        flow_run_ids=[dispatch.flow_run_id for dispatch in dispatches if dispatch.flow_run_id],
        unrecorded=any(dispatch.is_unsent for dispatch in dispatches),
        refusal=next((dispatch.refusal for dispatch in reversed(dispatches) if dispatch.refusal), None),
        stages=stages,
        repeats=row.repeats,
        scheduled_for=row.scheduled_for,
        priority=row.priority,
        slot_state=row.slot_state,
        over_limit=row.over_limit,
        backfill_id=row.backfill_id,
        trace=row.trace,
        parallelism=definition.parallelism,
        idle_seconds=row.idle_seconds,
        idle_since=row.idle_since,
    )


async def _load_stage_views(definition: PipelineDefinition, attempts: list[Row[Any]]) -> list[StageRunView]:
    attempts_by_stage: list[list[AttemptView]] = [[] for _ in definition.stages]
    for row in attempts:
        if row.output is not None and len(row.output) > LARGE_OUTPUT:
            await asyncio.sleep(0)
        attempts_by_stage[row.position].append(_attempt_view(row))
    return [
        StageRunView(
            stage.name,
            stage.kind.value,
            list(stage.needs),
            stage_attempts,
            stage.allow_failure,
            stage.retries,
            stage.timeout,
            list(stage.approvers),
            stage.message,
            stage.fields,
            stage.deployment,
            stage.parameters,
            stage.on_cancel,
        )
        for stage, stage_attempts in zip(definition.stages, attempts_by_stage, strict=True)
    ]


def _attempt_view(row: Row[Any]) -> AttemptView:
    return AttemptView(
        number=row.number,
        status=Status(row.status),
        reason=Reason(row.reason) if row.reason else None,
        created_at=row.created_at,
        queued_at=row.queued_at,
        due_at=row.due_at,
        deadline_at=row.deadline_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        records_processed=row.records_processed,
        error_message=row.error_message,
        message=row.message,
        output=None if row.output is None else load_json(row.output),
        worker=row.worker,
        by_person=row.by_person,
        stop_requested_at=row.stop_requested_at,
        fingerprint=row.fingerprint,
        flow_run=parse_flow_run(row.flow_run),
    )


def to_event_view(row: Row[Any]) -> EventView:
    return EventView(
        run_id=row.run_id,
        pipeline_id=row.pipeline_id,
        seq=row.seq,
        type=EventType(row.type),
        at=row.at,
        stage=row.stage,
        attempt=row.attempt,
        status=Status(row.status) if row.status else None,
        actor=row.actor,
        data=row.data,
    )
