"""Approve or reject a stage that waits for it."""

from dataclasses import dataclass, replace
from datetime import datetime

from application.commands.control_run import Controlled, ControlRun, Done
from application.ports.parameters import ParameterSchemas
from application.ports.persistence import IdempotencyKey, UnitOfWork
from domain.audit import Deed
from domain.controls import ANYBODY, Decision, Person, decide, stage_of
from domain.errors import InvalidInput
from domain.run import Run


@dataclass(frozen=True, slots=True)
class DecideApproval:
    """An approval's values are checked against its fields before anything is decided.

    NotFound, InvalidInput (`fields.…`), NotAllowed for who is not among the approvers; Conflict `not_an_approval`, `not_waiting`,
    `late_decision`. The same decision again changes nothing.
    """

    control_run: ControlRun
    schemas: ParameterSchemas

    async def __call__(
        self, run_id: int, stage: str, decision: Decision, person: Person = ANYBODY, key: IdempotencyKey | None = None
    ) -> Controlled:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> Done:
            return [stage], decide(run, stage, self._checked(run, stage, decision), now, person)

        deed = Deed.APPROVED if decision.approves else Deed.REJECTED
        return await self.control_run(run_id, act, key, deed, person)

    def _checked(self, run: Run, stage: str, decision: Decision) -> Decision:
        if not decision.approves:
            return decision
        schema = stage_of(run, stage).definition.fields
        values = decision.values or {}
        if schema is None:
            if values:
                raise InvalidInput.of("fields", f"{stage} asks for none")
            return decision
        problems = self.schemas.problems_of(values, schema)
        if problems:
            raise InvalidInput([replace(problem, field=problem.field.replace("parameters", "fields", 1)) for problem in problems])
        return replace(decision, values=self.schemas.with_defaults(values, schema))
