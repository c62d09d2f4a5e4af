"""Start a backfill."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from application.commands.runs.run_opener import UncheckedRun
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.backfills import NewBackfill
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.services.backfills.backfill_events import build_backfill_event
from application.services.backfills.backfill_planner import BackfillPlanner, PlannedBackfill
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.backfills.request import BackfillRequest
from domain.errors import Conflict, NotFound
from domain.pipelines.activation import check_not_archived


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """The backfill that a request started or changed. `applied` is False if it was in that state before."""

    backfill_id: int
    pipeline_id: int
    applied: bool = True
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"backfill_id": self.backfill_id, "pipeline_id": self.pipeline_id, "applied": self.applied}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored, replayed=True)


@dataclass(frozen=True, slots=True)
class StartBackfill:
    """Store a backfill with its ticks. The backfill service opens their runs, also while the pipeline is paused.

    Raises NotFound; InvalidInput; Conflict `archived`, or `nothing_to_run` if all ticks have runs; IdempotencyKeyReused.
    """

    open_unit_of_work: OpenUnitOfWork
    planner: BackfillPlanner
    wakeups: Wakeups

    async def __call__(
        self, ref: PipelineRef, request: BackfillRequest, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None
    ) -> BackfillResult:
        opener = self.planner.run_opener
        return await opener.open_checked(lambda checked_revision: self._start(ref, request, actor, key, checked_revision))

    async def _start(
        self, ref: PipelineRef, request: BackfillRequest, actor: Actor, key: IdempotencyKey | None, checked_revision: int | None
    ) -> BackfillResult | UncheckedRun:
        clock = self.planner.run_opener.clock
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, clock.now())) is not None:
                return BackfillResult.from_json(stored)
            planned = await self.planner.plan(work, ref, request)
            if self.planner.run_opener.needs_check(planned.pipeline, checked_revision):
                return UncheckedRun(planned.pipeline, planned.first)
            _check_has_ticks(planned)
            pipeline = await _lock_pipeline(work, planned.pipeline.id)
            now = clock.now()
            backfill = await work.backfills.add(NewBackfill(pipeline.id, planned.plan, planned.due, now, actor.name))
            details = {"pipeline": pipeline.name, "ticks": len(planned.due), "schedule": planned.plan.schedule, "cron": planned.plan.cron}
            await work.audit.add([create_audit_entry(actor, AuditAction.BACKFILL_STARTED, f"backfill {backfill.id}", now, **details)])
            await work.site_events.add([build_backfill_event(backfill, now, actor.name)])
            result = BackfillResult(backfill.id, pipeline.id)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_backfills_changed()
        return result


async def _lock_pipeline(work: UnitOfWork, pipeline_id: int) -> StoredPipeline:
    """Return the locked pipeline. Raises NotFound and Conflict `archived`, since it may have been changed after the ticks were computed."""
    pipeline = await work.pipelines.find(pipeline_id, lock=True)
    if pipeline is None:
        raise NotFound("pipeline", pipeline_id)
    check_not_archived(pipeline.name, pipeline.activation)
    return pipeline


def _check_has_ticks(planned: PlannedBackfill) -> None:
    if not planned.due:
        sentence = f"All {planned.existing:,} ticks have runs, so there is nothing to run."
        raise Conflict("nothing_to_run", sentence, {"existing": planned.existing})
