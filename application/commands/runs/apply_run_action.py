"""One person's act on one run: locked, done, stored, told; repeated with the same key it is done once."""

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
    """The run as it stands after the act. `stages` are those it was about; `applied` is False when it had been done already."""

    run_id: int
    number: int
    status: Status
    pipeline_id: int
    stages: Sequence[str]
    applied: bool = True
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        named = ("run_id", "number", "status", "pipeline_id", "applied")
        return {name: getattr(self, name) for name in named} | {"stages": list(self.stages)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "status": Status(stored["status"])}, replayed=True)


ActionOutcome = tuple[Sequence[str], bool]
"""The stages an act was about, and whether it changed anything."""
RunAction = Callable[[UnitOfWork, Run, datetime], Awaitable[ActionOutcome]]


@dataclass(frozen=True, slots=True)
class ApplyRunAction:
    """Do an act on a run under its row's lock, in one transaction with its line in the audit log. NotFound, and what the act refuses."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, run_id: int, act: RunAction, key: IdempotencyKey | None, deed: AuditAction, actor: Actor) -> RunActionResult:
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return RunActionResult.from_json(stored)
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None:
                raise NotFound("run", run_id)
            now = self.clock.now()
            stages, applied = await act(work, run, now)
            if applied:
                await work.runs.save(run)
                told = {"pipeline": run.definition.name, "stages": list(stages)}
                await work.audit.add([create_audit_entry(actor, deed, f"run {run.id}", now, **told)])
            done = RunActionResult(run.id, run.number, run.status, run.pipeline_id, stages, applied)
            if key:
                await work.idempotency.add(key, done.as_json())
            await work.commit()
        if applied:
            self.wakeups.notify_committed([run])
        return done
