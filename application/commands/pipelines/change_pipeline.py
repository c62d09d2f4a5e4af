"""Add a revision to a pipeline."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from application.commands.pipelines.validate_definition import parse_and_validate_definition
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
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
from domain.pipelines.applied_file import AppliedFile, DefinitionFile, require_same_source
from domain.pipelines.revision_origin import RevisionOrigin, normalize_source
from domain.schedules.past_times import require_future_times
from domain.site_events import SiteEvent, SiteEventType


@dataclass(frozen=True, slots=True)
class ChangedPipeline(StoredPipeline):
    """A pipeline after a change. `replayed` is True if an earlier request with the same key changed it; it is returned as it was then."""

    replayed: bool = False


@dataclass(frozen=True, slots=True)
class ChangePipeline:
    """Add a revision, unless definition and text equal those of the newest one. Active runs keep their revision.

    `source` is the text of which `raw` was read; without it, only definitions are compared. A newest revision with the same definition and
    no text gets the text. `restored_from` is the number of the revision that the new one repeats. `file` is the file that the definition is
    applied from. A dry run checks all and stores nothing. With `are_groups_checked` False, it does not compare the groups of the definition
    with those of other pipelines, for a plan of several definitions.

    Raises NotFound; InvalidInput, also for groups that do not fit those of other pipelines, and for unknown channels and deployments;
    NameTaken; IdempotencyKeyReused; Conflict `other_source`; StaleRevision if `expected` does not include the newest revision.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    cron_expressions: CronExpressions
    clock: Clock
    wakeups: Wakeups
    schedule_sync: ScheduleSync
    deployment_checks: DeploymentChecks

    async def __call__(
        self,
        ref: PipelineRef,
        raw: object,
        expected: Collection[int] | None = None,
        actor: Actor = ANONYMOUS_ACTOR,
        *,
        source: str | None = None,
        restored_from: int | None = None,
        key: IdempotencyKey | None = None,
        file: DefinitionFile | None = None,
        is_dry_run: bool = False,
        are_groups_checked: bool = True,
    ) -> ChangedPipeline:
        origin = RevisionOrigin(normalize_source(source) if source is not None else None, actor.name, restored_from)
        definition = await parse_and_validate_definition(raw, self.schemas, self.cron_expressions)
        warnings = tuple(await self.deployment_checks.check_definition(definition))
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(ref, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return await _load_changed(work, pipeline, stored)
            if expected is not None and pipeline.revision not in expected:
                raise StaleRevision(f"{pipeline.name} is at revision {pipeline.revision} now. Reload it before you change it.")
            if file is not None:
                require_same_source(pipeline.name, pipeline.applied, file)
            if pipeline.archived_at is not None:
                warnings += (f"{pipeline.name} is archived, and stays archived. Unarchive it to run it.",)
            now = self.clock.now()
            if pipeline.definition == definition and await self._keeps_text(work, pipeline, origin.source, actor, now):
                changed = _to_changed(pipeline, warnings)
                if not is_dry_run:
                    await _set_applied(work, pipeline, changed, file)
                    await _remember(work, key, changed)
                return changed
            require_future_times(definition, pipeline.definition, now)
            changed = _to_changed(await work.pipelines.revise(pipeline.id, definition, now, origin), warnings)
            has_new_times = await self.schedule_sync.update(work, pipeline, changed, now)
            has_new_limits = await update_limits(work, pipeline.definition, changed, now, actor.name, are_groups_checked)
            has_new_rules = await update_rules(work, pipeline.definition, changed)
            if is_dry_run:
                return changed
            await _set_applied(work, pipeline, changed, file)
            renamed = definition.name if definition.name != pipeline.name else None
            details = {"revision": changed.revision, "renamed": renamed, "restored_from": restored_from}
            await work.audit.add([create_audit_entry(actor, AuditAction.PIPELINE_CHANGED, f"pipeline {pipeline.name}", now, **details)])
            data = {"name": changed.name, "revision": changed.revision, "created": False}
            await work.site_events.add([SiteEvent(SiteEventType.PIPELINE_CHANGED, now, pipeline.id, actor.name, data)])
            await _remember(work, key, changed)
        self.wakeups.notify_committed()
        if has_new_times:
            self.wakeups.notify_schedules_changed()
        if has_new_limits:
            self.wakeups.notify_slots_changed()
        if has_new_rules:
            self.wakeups.notify_alerts_changed()
        return changed

    async def _keeps_text(self, work: UnitOfWork, pipeline: StoredPipeline, source: str | None, actor: Actor, now: datetime) -> bool:
        """Return True if the newest revision has this text, or gets it because it has none yet: neither needs another revision."""
        newest = await work.pipelines.find_revision(pipeline.id, pipeline.revision) if source is not None else None
        if newest is None or source is None or newest.origin.source == source:
            return True
        if newest.origin.source is not None:
            return False
        await work.pipelines.add_source(pipeline.id, pipeline.revision, source)
        details = {"revision": pipeline.revision, "text_added": True}
        await work.audit.add([create_audit_entry(actor, AuditAction.PIPELINE_CHANGED, f"pipeline {pipeline.name}", now, **details)])
        return True


def _to_changed(pipeline: StoredPipeline, warnings: tuple[str, ...], replayed: bool = False) -> ChangedPipeline:
    times = pipeline.created_at, pipeline.updated_at
    return ChangedPipeline(pipeline.id, pipeline.revision, pipeline.definition, *times, pipeline.activation, warnings, replayed=replayed)


async def _set_applied(work: UnitOfWork, before: StoredPipeline, after: StoredPipeline, file: DefinitionFile | None) -> None:
    """Store the file that the revision was applied from, unless it is stored already."""
    applied = AppliedFile(file, after.revision) if file is not None else before.applied
    if applied is not None and applied != before.applied:
        await work.pipelines.set_applied(after.id, applied)


async def _remember(work: UnitOfWork, key: IdempotencyKey | None, changed: ChangedPipeline) -> None:
    """Store the answer of a request with a key, and commit."""
    if key:
        await work.idempotency.add(key, {"pipeline_id": changed.id, "revision": changed.revision, "warnings": list(changed.warnings)})
    await work.commit()


async def _load_changed(work: UnitOfWork, pipeline: StoredPipeline, answer: Mapping[str, Any]) -> ChangedPipeline:
    """Return the pipeline as the first request with the key left it."""
    revision = await work.pipelines.find_revision(pipeline.id, answer["revision"])
    if revision is None:
        raise NotFound("revision", answer["revision"], pipeline.name)
    then = replace(pipeline, revision=revision.revision, definition=revision.definition, updated_at=revision.created_at)
    return _to_changed(then, tuple(answer["warnings"]), replayed=True)
