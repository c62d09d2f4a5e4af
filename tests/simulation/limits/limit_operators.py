"""People who trigger limited pipelines, decide approvals, cancel, retry and skip, and change limits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from application.commands.runs.run_opener import TriggerCommand
from domain.backfills.backfill import Backfill
from domain.errors import Conflict, HeadgateError, TooManyWaiting, Unavailable
from domain.runs.run import Run
from domain.runs.trigger import Trigger
from tests.simulation.actors.web import Web
from tests.simulation.backfills.backfill_plan import CHANGES
from tests.simulation.context import SimulationContext
from tests.simulation.limits.limit_plan import OVERTAKER, LimitOperation, with_other_limits
from tests.simulation.runtime.network import NoAnswer
from tests.simulation.runtime.process import Process
from tests.support.invariants import Acknowledged

T = TypeVar("T")
MAX_TRIES = 4
DECISION_SECONDS = 6.0
"""How often people decide the approvals that are left at the end."""


class LimitOperators:
    """Performs the operations of the plan, each at its time. `pipelines` are the definitions by name."""

    def __init__(self, context: SimulationContext, pipelines: Mapping[str, Mapping[str, Any]]) -> None:
        self._context, self._pipelines = context, pipelines
        self.is_done = False
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, people: Process) -> None:
        """Perform each operation as a task of its own, so that a burst of triggers is a burst."""
        self._tasks = [people.run_in_background(self._perform_at(operation)) for operation in self._context.plan.limit_operations]
        await asyncio.gather(*self._tasks)
        self.is_done = True

    async def finish(self) -> None:
        """Decide what is left, since every run must end, and resume what is paused."""
        for name in self._list_limited():
            await self._perform(LimitOperation(0.0, "resume pipeline", name))
        while True:
            await self._change_backfill(LimitOperation(0.0, "resume backfill", ""), self._list_backfills("paused"))
            for run in self._list_runs():
                if any(_waits_for_approval(stage) for stage in run.stages.values()):
                    await self._decide(run, LimitOperation(0.0, "decide", "", 0))
            await asyncio.sleep(DECISION_SECONDS)

    def _list_limited(self) -> list[str]:
        return [name for name, raw in self._pipelines.items() if "concurrency" in raw]

    def _list_backfills(self, *states: str) -> list[Backfill]:
        return [each for _, each in sorted(self._context.store.committed.backfills.items()) if each.state.value in states]

    def _list_runs(self) -> list[Run]:
        return [run for _, run in sorted(self._context.store.committed.runs.items()) if not run.is_over]

    async def _perform_at(self, operation: LimitOperation) -> None:
        await asyncio.sleep(operation.at)
        await self._perform(operation)

    async def _perform(self, operation: LimitOperation) -> None:
        if operation.kind.startswith("trigger"):
            await self._trigger(operation)
        elif operation.kind == "start backfill":
            await self._start_backfill(operation)
        elif operation.kind in CHANGES:
            await self._change_backfill(operation, self._list_backfills("running", "paused"))
        elif operation.kind == "set group's limit":
            await self._call(operation, lambda web: web.routes.limits.set_group_limit(operation.target, operation.value))
        elif operation.kind == "change limits" and operation.target in self._pipelines:
            raw = with_other_limits(self._pipelines[operation.target], operation.value or 1)
            await self._call(operation, lambda web: web.routes.limits.change(operation.target, raw))
        elif operation.kind.endswith("pipeline") and operation.target in self._pipelines:
            await self._call(operation, lambda web: web.routes.limits.activate(operation.kind, operation.target))
        elif run := self._pick_run(operation):
            await self._change_run(run, operation)

    async def _trigger(self, operation: LimitOperation) -> None:
        parameters = {"customer": operation.customer} if operation.customer is not None else {}
        command = TriggerCommand(
            operation.target,
            parameters,
            Trigger("api", "mara" if operation.kind == "trigger" else OVERTAKER),
            priority=operation.value,
            over_limit=operation.kind != "trigger",
        )
        if operation.target in self._pipelines:  # a smaller plan may lack it
            opened = await self._call(operation, lambda web: web.trigger(command))
            if opened is not None:
                self._context.note("triggered", opened.run_id)
                self._context.ledger.acknowledged.append(Acknowledged(opened.run_id, 1))

    async def _start_backfill(self, operation: LimitOperation) -> None:
        """Start a backfill of `which` hours that has `value` unfinished runs at most."""
        parameters = {"customer": operation.customer} if operation.customer is not None else {}
        hours, parallel, request_id = operation.which, operation.value or 1, f"{operation.at}:{operation.target}"
        if operation.target in self._pipelines:
            await self._call(operation, lambda web: web.routes.backfills.start(operation.target, hours, parallel, parameters, request_id))

    async def _change_backfill(self, operation: LimitOperation, backfills: Sequence[Backfill]) -> None:
        """Change one of the backfills."""
        if backfills:
            backfill_id = backfills[operation.which % len(backfills)].id
            await self._call(operation, lambda web: web.routes.backfills.change(operation.kind, backfill_id))

    def _pick_run(self, operation: LimitOperation) -> Run | None:
        """Return one of the runs that the operation can be about."""
        runs = [run for _, run in sorted(self._context.store.committed.runs.items()) if run.definition.name == operation.target]
        wanted: Callable[[Run], bool] = {
            "retry run": lambda run: run.is_over,
            "decide": lambda run: any(_waits_for_approval(stage) for stage in run.stages.values()),
            "start over the limit": lambda run: any(stage.current.reason == "limit" for stage in run.stages.values()),
        }.get(operation.kind, lambda run: not run.is_over)
        found = [run for run in runs if wanted(run)]
        return found[operation.which % len(found)] if found else None

    async def _change_run(self, run: Run, operation: LimitOperation) -> None:
        names = list(run.stages)
        name = names[operation.which % len(names)]
        match operation.kind:
            case "cancel run":
                await self._call(operation, lambda web: web.cancel(run.id, "mara"))
            case "cancel stage":
                await self._call(operation, lambda web: web.routes.limits.cancel_stage(run.id, name))
            case "retry run":
                await self._call(operation, lambda web: web.routes.limits.retry(run.id))
            case "skip stage":
                await self._call(operation, lambda web: web.routes.limits.skip_stage(run.id, name))
            case "decide":
                await self._decide(run, operation)
            case "start over the limit":
                await self._call(operation, lambda web: web.routes.limits.start_over_limit(run.id))

    async def _decide(self, run: Run, operation: LimitOperation) -> None:
        waiting = [stage.name for stage in run.stages.values() if _waits_for_approval(stage)]
        approves = operation.which % 4 != 3
        if waiting:
            await self._call(operation, lambda web: web.routes.limits.decide(run.id, waiting[0], approves=approves))

    async def _call(self, operation: LimitOperation, work: Callable[[Web], Awaitable[T]]) -> T | None:
        """Return the answer; None if the operation was refused or not answered."""
        for _ in range(MAX_TRIES):
            web = self._context.pick_web()
            try:
                answer = await self._context.network.call(web, operation.kind, lambda: work(web))  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1.0)
                continue
            except HeadgateError as error:
                self._context.note(f"{operation.kind} refused", operation.target, type(error).__name__)
                may_be_refused = isinstance(error, Conflict | TooManyWaiting) or operation.kind in ("change limits", "set group's limit")
                if not may_be_refused:
                    self._context.report_defect(f"{operation} was answered with {error!r}")
                return None
            self._context.note(operation.kind, operation.target)
            return answer
        return None


def _waits_for_approval(stage: Any) -> bool:
    return stage.status.value == "waiting" and stage.current.reason == "approval"
