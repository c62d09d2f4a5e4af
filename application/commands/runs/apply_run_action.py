"""Apply the action of a person to a run."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound
from domain.runs.run import Run
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class RunActionResult:
    """The run after an action on `stages`. `applied` is False if the action changed nothing, since it was applied before.

    `pipeline` is the pipeline's name; empty in results that an earlier release stored.
    """

    run_id: int
    number: int
    status: Status
    pipeline_id: int
    stages: Sequence[str]
    applied: bool = True
    replayed: bool = False
    pipeline: str = ""

    def as_json(self) -> dict[str, Any]:
        names = ("run_id", "number", "status", "pipeline_id", "pipeline", "applied")
        return {name: getattr(self, name) for name in names} | {"stages": list(self.stages)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "status": Status(stored["status"])}, replayed=True)


ActionOutcome = tuple[Sequence[str], bool]
"""The affected stages, and whether the action changed anything."""
RunAction = Callable[[UnitOfWork, Run, datetime], Awaitable[ActionOutcome]]


@dataclass(frozen=True, slots=True)
class ApplyRunAction:
    """Apply an action to a locked run and add its audit entry, in one transaction.

    Raises NotFound, IdempotencyKeyReused, and the errors of the action.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(
        self, run_id: int, action: RunAction, key: IdempotencyKey | None, audit_action: AuditAction, actor: Actor
    ) -> RunActionResult:
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return RunActionResult.from_json(stored)
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None:
                raise NotFound("run", run_id)
            now = self.clock.now()
            stages, applied = await action(work, run, now)
            if applied:
                await work.runs.save(run)
                details = {"pipeline": run.definition.name, "stages": list(stages)}
                await work.audit.add([create_audit_entry(actor, audit_action, f"run {run.id}", now, **details)])
            result = RunActionResult(run.id, run.number, run.status, run.pipeline_id, stages, applied, pipeline=run.definition.name)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        if applied:
            self.wakeups.notify_committed([run])
        return result
