"""Build the claim that a worker receives for a dispatch."""

from dataclasses import dataclass
from datetime import UTC, datetime

from application.ports.access.execution_tokens import AttemptClaims, ExecutionTokens
from application.ports.dispatch.worker_messages import AttemptStart, Claim
from domain.pipelines.serialization import serialize_stage_to_run
from domain.runs.run import Run
from domain.runs.stage_run import StageRun


@dataclass(frozen=True, slots=True)
class DispatchRules:
    """`installation` makes Prefect's idempotency keys unique to this installation. `lease_seconds` is the term of a lease."""

    installation: str
    lease_seconds: float


def dispatch_key(rules: DispatchRules, run_id: int, epoch: int) -> str:
    """Return Prefect's idempotency key of a dispatch."""
    return f"{rules.installation}:{run_id}:{epoch}"


def flow_run_key(rules: DispatchRules, run_id: int, stage: str, attempt: int) -> str:
    """Return Prefect's idempotency key of the flow run of an attempt."""
    return f"{rules.installation}:{run_id}:{stage}:{attempt}"


def build_claim(run: Run, tokens: ExecutionTokens, rules: DispatchRules, holding: frozenset[tuple[str, int]] = frozenset()) -> Claim:
    """Return the claim of the run's open dispatch. `holding` are the (stage, attempt) that the worker has already."""
    return Claim(
        run_id=run.id,
        number=run.number,
        epoch=run.dispatch.epoch,
        pipeline=run.definition.name,
        pool=run.pool,
        stages=list(run.stages),
        parameters=run.parameters,
        starts=build_attempt_starts(run, tokens, holding),
        more=bool(run.startable_stages),
        key=dispatch_key(rules, run.id, run.dispatch.epoch),
        trace=run.trace,
        scheduled_for=_format_time(run.trigger.scheduled_for),
    )


def _format_time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None


def build_attempt_starts(run: Run, tokens: ExecutionTokens, holding: frozenset[tuple[str, int]]) -> list[AttemptStart]:
    """Return the starts of all attempts that run under the open dispatch and that the worker does not have yet."""
    stages = run.get_stages_running_in(run.dispatch.epoch)
    return [_build_attempt_start(run, stage, tokens) for stage in stages if (stage.name, stage.current.number) not in holding]


def _build_attempt_start(run: Run, stage: StageRun, tokens: ExecutionTokens) -> AttemptStart:
    definition, attempt = stage.definition, stage.current.number
    return AttemptStart(
        stage=stage.name,
        attempt=attempt,
        token=tokens.issue_attempt_token(AttemptClaims(run.id, stage.name, attempt)),
        kind=definition.kind.value,
        timeout=definition.timeout,
        spec=serialize_stage_to_run(run.definition, definition),
        given=run.collect_approval_values(stage),
        holds_slot=run.holds_slot_for(stage),
    )
