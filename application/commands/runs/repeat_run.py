"""Queue a new run with an earlier one's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from application.commands.runs.trigger_pipeline import TriggerCommand, TriggerPipeline, TriggerResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import NotFound
from domain.runs.trigger import Trigger


@dataclass(frozen=True, slots=True)
class RepeatRunCommand:
    """`parameters` None: those of the earlier run."""

    run_id: int
    parameters: Mapping[str, Any] | None = None
    kind: str = "api"
    actor: Actor = ANONYMOUS_ACTOR
    trace: Mapping[str, str] = field(default_factory=dict)
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class RepeatRun:
    """The new run is of the pipeline's newest revision and says which run it repeats. NotFound, and what a trigger may refuse."""

    open_unit_of_work: OpenUnitOfWork
    trigger_pipeline: TriggerPipeline

    async def __call__(self, again: RepeatRunCommand) -> TriggerResult:
        async with self.open_unit_of_work() as work:
            run = (await work.runs.lock([again.run_id])).get(again.run_id)
        if run is None:
            raise NotFound("run", again.run_id)
        parameters = run.parameters if again.parameters is None else again.parameters
        trigger = Trigger(again.kind, again.actor.name, repeats=again.run_id)
        return await self.trigger_pipeline(TriggerCommand(run.pipeline_id, parameters, trigger, again.trace, again.key, again.actor))
