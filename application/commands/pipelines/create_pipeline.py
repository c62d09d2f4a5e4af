"""Create a pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from application.commands.pipelines.validate_definition import parse_and_validate_definition
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import StoredPipeline
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
from domain.pipelines.activation import ACTIVE
from domain.pipelines.applied_file import AppliedFile, DefinitionFile
from domain.pipelines.parsing import parse_definition
from domain.pipelines.revision_origin import RevisionOrigin, normalize_source
from domain.pipelines.serialization import serialize_pipeline
from domain.schedules.past_times import require_future_times
from domain.site_events import SiteEvent, SiteEventType


@dataclass(frozen=True, slots=True)
class CreatedPipeline(StoredPipeline):
    """A new pipeline. `replayed` is True if an earlier request with the same key created it; it is returned as it was then."""

    replayed: bool = False

    @classmethod
    def from_stored(cls, pipeline: StoredPipeline) -> Self:
        return cls(pipeline.id, pipeline.revision, pipeline.definition, pipeline.created_at, pipeline.updated_at)

    def as_json(self) -> dict[str, Any]:
        created = {"id": self.id, "created_at": self.created_at.isoformat(), "definition": serialize_pipeline(self.definition)}
        if self.paused_at is not None:
            created["paused_by"] = self.activation.paused_by
        return created | {"warnings": list(self.warnings)} if self.warnings else created

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        at = datetime.fromisoformat(stored["created_at"])
        activation = ACTIVE.pause(at, stored["paused_by"]) if "paused_by" in stored else ACTIVE
        warnings = tuple(stored.get("warnings", ()))
        return cls(stored["id"], 1, parse_definition(stored["definition"]), at, at, activation, warnings, replayed=True)


@dataclass(frozen=True, slots=True)
class CreatePipeline:
    """Store a pipeline as revision 1, with its schedules paused if `with_paused_schedules` is set.

    `source` is the text of which `raw` was read. `cloned_from` names the pipeline that the definition was copied from: a clone with
    schedules or expectations starts paused. `file` is the file that the definition is applied from.
    A dry run checks all and stores nothing. With `are_groups_checked` False, it does not compare the groups of the definition with those
    of other pipelines, for a plan of several definitions.

    Raises InvalidInput with every invalid field, also for deployments that do not exist; NameTaken; IdempotencyKeyReused.
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
        raw: object,
        key: IdempotencyKey | None = None,
        actor: Actor = ANONYMOUS_ACTOR,
        *,
        source: str | None = None,
        with_paused_schedules: bool = False,
        cloned_from: str | None = None,
        file: DefinitionFile | None = None,
        is_dry_run: bool = False,
        are_groups_checked: bool = True,
    ) -> CreatedPipeline:
        origin = RevisionOrigin(normalize_source(source) if source is not None else None, actor.name)
        definition = await parse_and_validate_definition(raw, self.schemas, self.cron_expressions)
        warnings = tuple(await self.deployment_checks.check_definition(definition))
        now = self.clock.now()
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, now)) is not None:
                return CreatedPipeline.from_json(stored)
            require_future_times(definition, None, now)
            created = replace(CreatedPipeline.from_stored(await work.pipelines.add(definition, now, origin)), warnings=warnings)
            if cloned_from is not None and (definition.schedules or definition.expect):
                created = replace(created, activation=ACTIVE.pause(now, actor.name))
                await work.pipelines.set_activation(created.id, created.activation)
            if file is not None:
                await work.pipelines.set_applied(created.id, AppliedFile(file, created.revision))
            has_schedules = await self.schedule_sync.add_all(work, created, now, with_paused_schedules)
            has_limits = await update_limits(work, None, created, now, actor.name, are_groups_checked)
            has_rules = await update_rules(work, None, created)
            if is_dry_run:
                return created
            details = {
                "id": created.id,
                "file": _describe(file),
                "cloned_from": cloned_from,
                "paused": created.paused_at is not None or None,
            }
            await work.audit.add([create_audit_entry(actor, AuditAction.PIPELINE_CREATED, f"pipeline {definition.name}", now, **details)])
            data = {"name": definition.name, "revision": created.revision, "created": True}
            await work.site_events.add([SiteEvent(SiteEventType.PIPELINE_CHANGED, now, created.id, actor.name, data)])
            if key:
                await work.idempotency.add(key, created.as_json())
            await work.commit()
        self.wakeups.notify_committed()
        if has_schedules:
            self.wakeups.notify_schedules_changed()
        if has_limits:
            self.wakeups.notify_slots_changed()
        if has_rules:
            self.wakeups.notify_alerts_changed()
        return created


def _describe(file: DefinitionFile | None) -> str | None:
    return f"{file.source}: {file.path}" if file is not None else None
