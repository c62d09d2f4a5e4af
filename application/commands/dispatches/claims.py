"""Build the claim that a worker receives for a dispatch."""

from dataclasses import dataclass

from application.ports.access.execution_tokens import AttemptClaims, ExecutionTokens
from application.ports.dispatch.worker_messages import AttemptStart, Claim
from domain.pipelines.serialization import serialize_stage
from domain.runs.run import Run
from domain.runs.stage_run import StageRun


@dataclass(frozen=True, slots=True)
class DispatchRules:
    """`installation` makes Prefect's idempotency keys unique; a lease is good for `lease_seconds`."""

    installation: str
    lease_seconds: float


def dispatch_key(rules: DispatchRules, run_id: int, epoch: int) -> str:
    return f"{rules.installation}:{run_id}:{epoch}"


def build_claim(run: Run, tokens: ExecutionTokens, rules: DispatchRules, holding: frozenset[tuple[str, int]]) -> Claim:
    """The claim of a run's open dispatch; its starts leave out what the worker holds already."""
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
    )


def build_attempt_starts(run: Run, tokens: ExecutionTokens, holding: frozenset[tuple[str, int]]) -> list[AttemptStart]:
    stages = run.get_stages_running_in(run.dispatch.epoch)
    return [_build_attempt_start(run, stage, tokens) for stage in stages if (stage.name, stage.current.number) not in holding]


def _build_attempt_start(run: Run, stage: StageRun, tokens: ExecutionTokens) -> AttemptStart:
    attempt = stage.current.number
    token = tokens.issue_attempt_token(AttemptClaims(run.id, stage.name, attempt))
    definition = stage.definition
    spec, given = serialize_stage(definition), run.collect_approval_values(stage)
    return AttemptStart(stage.name, attempt, token, definition.kind.value, definition.timeout, spec, given)
