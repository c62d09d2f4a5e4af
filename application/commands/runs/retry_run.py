"""Take a run up again from what failed, or from stages a person names."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from application.commands.runs.apply_run_action import ActionOutcome, ApplyRunAction, RunActionResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.errors import NotFound
from domain.runs.retry import change_revision, retry_failed, retry_stages
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class RetryRunCommand:
    """`stages` None: what failed, was lost or was cancelled. `newest`: by the pipeline's newest revision instead of the run's own."""

    run_id: int
    stages: Collection[str] | None = None
    newest: bool = False
    actor: Actor = ANONYMOUS_ACTOR
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class RetryRun:
    """What completed is kept, with its outputs; the rest gets new attempts.

    NotFound; Conflict `nothing_failed`, `not_retryable`, `needs_not_done`, `run_ending`, or `graph_changed` when the newest revision does
    not fit what is kept.
    """

    apply_run_action: ApplyRunAction

    async def __call__(self, retry: RetryRunCommand) -> RunActionResult:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            if retry.newest:
                pipeline = await work.pipelines.find(run.pipeline_id)
                if pipeline is None:
                    raise NotFound("pipeline", run.pipeline_id)
                change_revision(run, pipeline.definition, pipeline.revision)
            if retry.stages is None:
                return retry_failed(run, now, retry.actor), True
            retry_stages(run, retry.stages, now, retry.actor)
            return sorted(retry.stages), True

        return await self.apply_run_action(retry.run_id, act, retry.key, AuditAction.RETRIED, retry.actor)
