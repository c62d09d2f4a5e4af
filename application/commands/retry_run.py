"""Take a run up again from what failed, or from stages a person names."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from application.commands.control_run import Controlled, ControlRun, Done
from application.ports.persistence import IdempotencyKey, UnitOfWork
from domain.audit import Deed
from domain.controls import ANYBODY, Person, rebase, retry_failed, retry_stages
from domain.errors import NotFound
from domain.run import Run


@dataclass(frozen=True, slots=True)
class Retry:
    """`stages` None: what failed, was lost or was cancelled. `newest`: by the pipeline's newest revision instead of the run's own."""

    run_id: int
    stages: Collection[str] | None = None
    newest: bool = False
    person: Person = ANYBODY
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class RetryRun:
    """What completed is kept, with its outputs; the rest gets new attempts.

    NotFound; Conflict `nothing_failed`, `not_retryable`, `needs_not_done`, `run_ending`, or `graph_changed` when the newest revision does
    not fit what is kept.
    """

    control_run: ControlRun

    async def __call__(self, retry: Retry) -> Controlled:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> Done:
            if retry.newest:
                pipeline = await work.pipelines.find(run.pipeline_id)
                if pipeline is None:
                    raise NotFound("pipeline", run.pipeline_id)
                rebase(run, pipeline.definition, pipeline.revision)
            if retry.stages is None:
                return retry_failed(run, now, retry.person), True
            retry_stages(run, retry.stages, now, retry.person)
            return sorted(retry.stages), True

        return await self.control_run(retry.run_id, act, retry.key, Deed.RETRIED, retry.person)
