"""Pause, resume or cancel a backfill: what these use cases share."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.commands.backfills.start_backfill import BackfillResult
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.backfills.backfill_events import build_backfill_event
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.backfills.backfill import Backfill
from domain.errors import NotFound
from domain.runs.run import Run

BackfillMove = Callable[[Backfill, datetime], Backfill]
"""A move from the present state at a time. It returns the same object if it changes nothing."""
AfterMove = Callable[[UnitOfWork, Backfill, datetime], Awaitable[Sequence[Run]]]
"""Stores what else a move changes. Returns the runs that it changed."""


@dataclass(frozen=True, slots=True)
class ChangeBackfill:
    """Apply a move to a locked backfill and add its audit entry, in one transaction.

    Raises NotFound, IdempotencyKeyReused, and the errors of the move.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(
        self,
        backfill_id: int,
        move: BackfillMove,
        action: AuditAction,
        actor: Actor,
        key: IdempotencyKey | None,
        after_move: AfterMove | None = None,
    ) -> BackfillResult:
        runs: Sequence[Run] = ()
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return BackfillResult.from_json(stored)
            backfill = await work.backfills.find(backfill_id, lock=True)
            if backfill is None:
                raise NotFound("backfill", backfill_id)
            now = self.clock.now()
            changed = move(backfill, now)
            if changed is not backfill:
                await work.backfills.save(changed)
                await work.audit.add([create_audit_entry(actor, action, f"backfill {backfill_id}", now)])
                await work.site_events.add([build_backfill_event(changed, now, actor.name)])
            if after_move is not None:
                runs = await after_move(work, changed, now)
            result = BackfillResult(backfill_id, backfill.pipeline_id, changed is not backfill)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        self.wakeups.notify_committed(runs)
        self.wakeups.notify_backfills_changed()
        return result
