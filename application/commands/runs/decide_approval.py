"""Approve or reject a stage that waits for a decision."""

from dataclasses import dataclass, replace
from datetime import datetime

from application.commands.runs.apply_run_action import ActionOutcome, ApplyRunAction, RunActionResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.errors import InvalidInput
from domain.runs.approvals import Decision, decide_approval
from domain.runs.run import Run
from domain.storable_json import find_unstorable


@dataclass(frozen=True, slots=True)
class DecideApproval:
    """Approve or reject a stage. The values of an approval are validated first. Repeating the same decision changes nothing.

    Raises NotFound; InvalidInput (`fields.…`); NotAllowed if the actor is not an approver; Conflict `not_an_approval`, `not_waiting` or
    `late_decision`.
    """

    apply_run_action: ApplyRunAction
    schemas: ParameterSchemas

    async def __call__(
        self, run_id: int, stage: str, decision: Decision, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None
    ) -> RunActionResult:
        async def action(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            return [stage], decide_approval(run, stage, self._validate(run, stage, decision), now, actor)

        audit_action = AuditAction.APPROVED if decision.approves else AuditAction.REJECTED
        return await self.apply_run_action(run_id, action, key, audit_action, actor)

    def _validate(self, run: Run, stage: str, decision: Decision) -> Decision:
        if not decision.approves:
            return decision
        schema = run.get_stage(stage).definition.fields
        values = decision.values or {}
        if schema is None:
            if values:
                raise InvalidInput.for_field("fields", f"{stage} has no fields")
            return decision
        unstorable = find_unstorable(values, "parameters")
        problems = [unstorable] if unstorable else self.schemas.find_problems(values, schema)
        if problems:
            raise InvalidInput([replace(problem, field=problem.field.replace("parameters", "fields", 1)) for problem in problems])
        return replace(decision, values=self.schemas.apply_defaults(values, schema))
