"""Start a new run with the parameters of an earlier one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from application.commands.runs.run_opener import TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerPipeline, TriggerResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import NotFound
from domain.runs.trigger import Trigger


@dataclass(frozen=True, slots=True)
class RepeatRunCommand:
    """`parameters` replace those of the earlier run unless they are None. `kind` is the kind of the trigger."""

    run_id: int
    parameters: Mapping[str, Any] | None = None
    kind: str = "api"
    actor: Actor = ANONYMOUS_ACTOR
    trace: Mapping[str, str] = field(default_factory=dict)
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class RepeatRun:
    """Start a run of the newest revision with the parameters of an earlier run.

    Raises NotFound and the errors of TriggerPipeline.
    """

    open_unit_of_work: OpenUnitOfWork
    trigger_pipeline: TriggerPipeline

    async def __call__(self, command: RepeatRunCommand) -> TriggerResult:
        async with self.open_unit_of_work() as work:
            run = (await work.runs.lock([command.run_id])).get(command.run_id)
        if run is None:
            raise NotFound("run", command.run_id)
        parameters = run.parameters if command.parameters is None else command.parameters
        trigger = Trigger(command.kind, command.actor.name, repeats=command.run_id)
        return await self.trigger_pipeline(TriggerCommand(run.pipeline_id, parameters, trigger, command.trace, command.key, command.actor))
