"""Approve or reject a stage that waits for it."""

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


@dataclass(frozen=True, slots=True)
class DecideApproval:
    """An approval's values are checked against its fields before anything is decided.

    NotFound, InvalidInput (`fields.…`), NotAllowed for who is not among the approvers; Conflict `not_an_approval`, `not_waiting`,
    `late_decision`. The same decision again changes nothing.
    """

    apply_run_action: ApplyRunAction
    schemas: ParameterSchemas

    async def __call__(
        self, run_id: int, stage: str, decision: Decision, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None
    ) -> RunActionResult:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            return [stage], decide_approval(run, stage, self._checked(run, stage, decision), now, actor)

        deed = AuditAction.APPROVED if decision.approves else AuditAction.REJECTED
        return await self.apply_run_action(run_id, act, key, deed, actor)

    def _checked(self, run: Run, stage: str, decision: Decision) -> Decision:
        if not decision.approves:
            return decision
        schema = run.get_stage(stage).definition.fields
        values = decision.values or {}
        if schema is None:
            if values:
                raise InvalidInput.for_field("fields", f"{stage} asks for none")
            return decision
        problems = self.schemas.find_problems(values, schema)
        if problems:
            raise InvalidInput([replace(problem, field=problem.field.replace("parameters", "fields", 1)) for problem in problems])
        return replace(decision, values=self.schemas.apply_defaults(values, schema))
