"""Retry stages of a run."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from application.commands.runs.apply_run_action import ActionOutcome, ApplyRunAction, RunActionResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.errors import NotFound
from domain.pipelines.activation import check_not_archived
from domain.runs.retry import change_revision, retry_failed, retry_stages
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class RetryRunCommand:
    """`stages` None retries the failed, lost and cancelled stages. `newest` switches to the pipeline's newest revision."""

    run_id: int
    stages: Collection[str] | None = None
    newest: bool = False
    actor: Actor = ANONYMOUS_ACTOR
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class RetryRun:
    """Retry stages. Completed stages keep their results.

    Raises NotFound; Conflict `archived`, `nothing_failed`, `not_retryable`, `needs_not_done`, `run_ending`, or `graph_changed` if the
    newest revision does not match the finished stages.
    """

    apply_run_action: ApplyRunAction

    async def __call__(self, command: RetryRunCommand) -> RunActionResult:
        async def action(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            pipeline = await work.pipelines.find(run.pipeline_id)
            if pipeline is None:
                raise NotFound("pipeline", run.pipeline_id)
            check_not_archived(pipeline.name, pipeline.activation)
            if command.newest:
                change_revision(run, pipeline.definition, pipeline.revision)
            if command.stages is None:
                return retry_failed(run, now, command.actor), True
            retry_stages(run, command.stages, now, command.actor)
            return sorted(command.stages), True

        return await self.apply_run_action(command.run_id, action, command.key, AuditAction.RETRIED, command.actor)
