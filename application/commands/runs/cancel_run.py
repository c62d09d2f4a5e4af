"""Cancel a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound
from domain.runs.run_flow_runs import PREFECT
from domain.runs.status import Status

PREFECT_ACTOR = Actor(PREFECT, auth_method="prefect")
"""A user of Prefect's own pages."""


@dataclass(frozen=True, slots=True)
class CancelResult:
    """The run after the request. Its status is `cancelled`, or unchanged until the worker has stopped the running stages.

    `pipeline` is the pipeline's name; empty in results that an earlier release stored.
    """

    run_id: int
    number: int
    status: Status
    replayed: bool = False
    pipeline: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "number": self.number, "status": self.status, "pipeline": self.pipeline}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["run_id"], stored["number"], Status(stored["status"]), True, stored.get("pipeline", ""))


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Cancel the stages that do not run, and have the worker stop the others. A second request changes nothing.

    Raises NotFound; Conflict `run_over`; IdempotencyKeyReused.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(
        self, run_id: int, actor: Actor = ANONYMOUS_ACTOR, why: str | None = None, key: IdempotencyKey | None = None
    ) -> CancelResult:
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return CancelResult.from_json(stored)
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None:
                raise NotFound("run", run_id)
            now = self.clock.now()
            was_requested = run.stop_requested_at is not None
            run.cancel(now, actor.name, why)
            await work.runs.save(run)
            if not was_requested:
                await work.audit.add([create_audit_entry(actor, AuditAction.CANCELLED, f"run {run.id}", now, pipeline=run.definition.name)])
            result = CancelResult(run.id, run.number, run.status, pipeline=run.definition.name)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        self.wakeups.notify_committed([run])
        return result
