"""Moves one locked backfill on: follows its runs, and opens the next ones, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.commands.runs.run_opener import OpenedRun, OpeningRuns, RunOpener, TriggerCommand
from application.observability.backfill_tracer import BackfillTracer
from application.ports.persistence.backfills import LockedBackfill
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.backfills.backfill_events import build_backfill_event
from domain.access.actor import Actor
from domain.backfills.backfill import Backfill, BackfillState
from domain.backfills.tick import BackfillTick
from domain.errors import Conflict, HeadgateError, InvalidInput
from domain.pipelines.activation import describe_archived
from domain.runs.trigger import BACKFILL, Trigger
from domain.schedules.tick import TickReason

RETRY: Final = timedelta(seconds=10)
"""How often a backfill that cannot open runs tries again."""


@dataclass(frozen=True, slots=True)
class BackfillStep:
    """One pass over a backfill. It never has more unfinished runs than its `parallel`."""

    run_opener: RunOpener
    tracer: BackfillTracer

    async def take(self, work: UnitOfWork, locked: LockedBackfill, opening: OpeningRuns, now: datetime) -> Backfill:
        """Store what changed: ticks, runs, progress and the event that announces it. Return the backfill."""
        before = locked.backfill
        followed = [(moved.tick, moved.tick.follow_run(moved.status)) for moved in await work.backfills.list_moved(before.id)]
        started, waits_for = await self._start(work, locked, opening)
        ticks = followed + started
        backfill = before.advance([(old.state, new.state) for old, new in ticks], now)
        if waits_for is not None and not backfill.is_over:
            backfill = backfill.wait(waits_for, now + RETRY)
        await work.backfills.save_ticks(before.id, [new for _, new in ticks])
        await work.backfills.save(backfill)
        if ticks or backfill.message != before.message:
            await work.site_events.add([build_backfill_event(backfill, now)])
        return backfill

    async def _start(
        self, work: UnitOfWork, locked: LockedBackfill, opening: OpeningRuns
    ) -> tuple[list[tuple[BackfillTick, BackfillTick]], str | None]:
        """Open runs for the next pending ticks. Return these ticks before and after, and what the backfill waits for."""
        backfill, free = locked.backfill, locked.backfill.plan.parallel - locked.unfinished_runs
        if backfill.state is not BackfillState.RUNNING or free <= 0 or not backfill.progress.pending:
            return [], None
        if (obstacle := self._find_obstacle(locked)) is not None:
            return [], obstacle
        pending = await work.backfills.list_pending(backfill.id, free)
        commands = [self.tracer.start_trace(_build_trigger(backfill, tick), locked.pipeline.name) for tick in pending]
        results = await opening.open_all(work, [(locked.pipeline, command) for command in commands])
        return _decide(pending, results)

    def _find_obstacle(self, locked: LockedBackfill) -> str | None:
        """Return why no run can be opened now."""
        if locked.pipeline.activation.is_archived:
            return describe_archived(locked.pipeline.name)
        return self.run_opener.disk_space.shortage()


def _decide(
    pending: Sequence[BackfillTick], results: Sequence[OpenedRun | HeadgateError]
) -> tuple[list[tuple[BackfillTick, BackfillTick]], str | None]:
    """Return the ticks whose runs were opened, or never will be, and the reason for which others wait."""
    decided: list[tuple[BackfillTick, BackfillTick]] = []
    waits_for = None
    for tick, result in zip(pending, results, strict=True):
        if isinstance(result, OpenedRun):
            decided.append((tick, tick.start(result.run.id)))
        elif isinstance(result, InvalidInput):
            decided.append((tick, tick.skip(TickReason.INVALID_PARAMETERS, str(result))))
        elif isinstance(result, Conflict) and result.kind == "limit_full":
            decided.append((tick, tick.skip(TickReason.LIMIT, str(result))))
        else:
            waits_for = str(result)
    return decided, waits_for


def _build_trigger(backfill: Backfill, tick: BackfillTick) -> TriggerCommand:
    return TriggerCommand(
        backfill.pipeline_id,
        backfill.plan.get_parameters(tick.due_at),
        Trigger(BACKFILL, backfill.created_by, scheduled_for=tick.due_at, backfill_id=backfill.id),
        actor=Actor(backfill.created_by, auth_method=BACKFILL),
    )
