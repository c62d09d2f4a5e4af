"""The use cases of a simulated web process that people use on backfills."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from application.commands.backfills.cancel_backfill import CancelBackfill
from application.commands.backfills.change_backfill import ChangeBackfill
from application.commands.backfills.pause_backfill import PauseBackfill
from application.commands.backfills.resume_backfill import ResumeBackfill
from application.commands.backfills.start_backfill import StartBackfill
from application.commands.runs.run_opener import RunOpener
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.backfills.backfill_planner import BackfillPlanner
from domain.access.actor import Actor
from domain.backfills.plan import ExistingPolicy
from domain.backfills.request import BackfillRequest
from tests.fakes.system.clock import START
from tests.fakes.system.cron_expressions import FakeCronExpressions
from tests.simulation.backfills.backfill_plan import CRON

MARA = Actor("mara")


class BackfillRoutes:
    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: Wakeups, run_opener: RunOpener) -> None:
        change = ChangeBackfill(open_unit_of_work, clock, wakeups)
        self._start = StartBackfill(open_unit_of_work, BackfillPlanner(FakeCronExpressions(), run_opener), wakeups)
        self._moves: Mapping[str, Any] = {"pause backfill": PauseBackfill(change), "resume backfill": ResumeBackfill(change)}
        self._cancel = CancelBackfill(change)

    async def start(self, pipeline: str, hours: int, parallel: int, parameters: Mapping[str, Any], request_id: str) -> int:
        """Start a backfill of the last hours before the simulation. A repeated request starts nothing more."""
        since, until = START - timedelta(hours=hours), START - timedelta(hours=1)
        request = BackfillRequest(
            f"{since:%Y-%m-%dT%H:%M}",
            f"{until:%Y-%m-%dT%H:%M}",
            cron=CRON,
            parallel=parallel,
            existing=ExistingPolicy.ALL,
            parameters=parameters,
        )
        result = await self._start(pipeline, request, MARA, IdempotencyKey("backfills", request_id, request_id.encode()))
        return result.backfill_id

    async def change(self, kind: str, backfill_id: int) -> None:
        if move := self._moves.get(kind):
            await move(backfill_id, MARA)
        else:
            await self._cancel(backfill_id, kind.endswith("runs"), MARA)
