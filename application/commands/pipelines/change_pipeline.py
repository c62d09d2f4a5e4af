"""Add a revision to a pipeline."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from application.commands.pipelines.validate_definition import parse_and_validate_definition
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.parameter_schemas import ParameterSchemas
from application.services.alerts.rule_sync import update_rules
from application.services.concurrency.limit_sync import update_limits
from application.services.flow_runs.deployment_checks import DeploymentChecks
from application.services.schedules.schedule_sync import ScheduleSync
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound, StaleRevision
from domain.schedules.past_times import require_future_times
from domain.site_events import SiteEvent, SiteEventType


@dataclass(frozen=True, slots=True)
class ChangePipeline:
    """Add a revision, unless it equals the newest one. Active runs keep their revision.

    Raises NotFound; InvalidInput, also for groups that do not fit those of other pipelines, and for unknown channels and deployments;
    NameTaken; StaleRevision if `expected` does not include the newest revision.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    cron_expressions: CronExpressions
    clock: Clock
    wakeups: Wakeups
    schedule_sync: ScheduleSync
    deployment_checks: DeploymentChecks

    async def __call__(
        self, ref: PipelineRef, raw: object, expected: Collection[int] | None = None, actor: Actor = ANONYMOUS_ACTOR
    ) -> StoredPipeline:
        definition = await parse_and_validate_definition(raw, self.schemas, self.cron_expressions)
        warnings = tuple(await self.deployment_checks.check_definition(definition))
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(ref, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            if expected is not None and pipeline.revision not in expected:
                raise StaleRevision(f"{pipeline.name} is at revision {pipeline.revision} now; reload it before you change it.")
            if pipeline.definition == definition:
                return replace(pipeline, warnings=warnings)
            now = self.clock.now()
            require_future_times(definition, pipeline.definition, now)
            changed = replace(await work.pipelines.revise(pipeline.id, definition, now), warnings=warnings)
            has_new_times = await self.schedule_sync.update(work, pipeline, changed, now)
            has_new_limits = await update_limits(work, pipeline.definition, changed, now, actor.name)
            has_new_rules = await update_rules(work, pipeline.definition, changed)
            details = {"revision": changed.revision, "renamed": definition.name if definition.name != pipeline.name else None}
            await work.audit.add([create_audit_entry(actor, AuditAction.PIPELINE_CHANGED, f"pipeline {pipeline.name}", now, **details)])
            data = {"name": changed.name, "revision": changed.revision, "created": False}
            await work.site_events.add([SiteEvent(SiteEventType.PIPELINE_CHANGED, now, pipeline.id, actor.name, data)])
            await work.commit()
        self.wakeups.notify_committed()
        if has_new_times:
            self.wakeups.notify_schedules_changed()
        if has_new_limits:
            self.wakeups.notify_slots_changed()
        if has_new_rules:
            self.wakeups.notify_alerts_changed()
        return changed
