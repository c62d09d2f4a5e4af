"""Delete an archived pipeline."""

from dataclasses import dataclass

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound
from domain.pipelines.activation import check_deletable
from domain.site_events import SiteEvent, SiteEventType


@dataclass(frozen=True, slots=True)
class DeletePipeline:
    """Free the pipeline's name. A background service then removes its runs and everything else that belongs to it, except audit entries.

    Raises NotFound; Conflict `not_archived`; InvalidInput unless `confirmed_name` is the pipeline's name.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, ref: PipelineRef, confirmed_name: str | None, actor: Actor = ANONYMOUS_ACTOR) -> None:
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(ref, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            check_deletable(pipeline.name, pipeline.activation, confirmed_name)
            now = self.clock.now()
            await work.schedules.remove([schedule.id for schedule in await work.schedules.list_of(pipeline.id)], now)
            await work.pipelines.mark_deleted(pipeline.id, now)
            await work.audit.add(
                [create_audit_entry(actor, AuditAction.PIPELINE_DELETED, f"pipeline {pipeline.name}", now, id=pipeline.id)]
            )
            event = SiteEvent(SiteEventType.PIPELINE_DELETED, now, pipeline.id, actor.name, {"name": pipeline.name})
            await work.site_events.add([event])
            await work.commit()
        self.wakeups.notify_committed()
