"""A Headgate on fakes whose backfills tests step by hand."""

from __future__ import annotations

from typing import Any

from domain.backfills.backfill import Backfill
from domain.backfills.request import BackfillRequest
from domain.runs.run import Run
from domain.runs.status import Status
from tests.support.schedules import ScheduledHeadgate


class BackfilledHeadgate(ScheduledHeadgate):
    """No worker runs its pipelines, so that their runs last until a test ends them."""

    async def start_backfill(self, name: str = "nightly", since: str = "2026-02-01", until: str = "2026-02-10", **keys: Any) -> int:
        """Start a backfill and return its id."""
        result = await self.application.start_backfill()(name, BackfillRequest(since, until, **keys))
        return int(result.backfill_id)

    async def step(self) -> None:
        """Let the backfill service do what it can."""
        await self.application.backfill_service().run_once()

    async def end_run(self, run: Run, status: Status = Status.COMPLETED) -> None:
        """End a run, as if it had started when it was opened."""
        async with self.fakes.open_unit_of_work() as work:
            stored = (await work.runs.lock([run.id]))[run.id]
            stored.started_at = stored.created_at
            stored.set_verdict(status, self.fakes.clock.now(), None)
            await work.runs.save(stored)
            await work.commit()

    def find_backfill(self, backfill_id: int = 1) -> Backfill:
        return self.fakes.store.committed.backfills[backfill_id]

    def list_unfinished(self) -> list[Run]:
        """Return the unfinished runs, oldest first."""
        return [run for _, run in sorted(self.fakes.store.committed.runs.items()) if not run.is_over]

    def list_tick_states(self, backfill_id: int = 1) -> list[str]:
        """Return the ticks by position, as `02-01 running`."""
        ticks = sorted(self.fakes.store.committed.backfill_ticks.items())
        return [f"{tick.due_at:%m-%d} {tick.state}" for (owner, _), tick in ticks if owner == backfill_id]

    @property
    def days(self) -> list[str]:
        """The days for which runs were opened, in the order of the runs."""
        runs = sorted(self.fakes.store.committed.runs.items())
        return [f"{run.trigger.scheduled_for:%m-%d}" for _, run in runs if run.trigger.scheduled_for]
