"""The form for a new pipeline."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import FieldProblem


@dataclass(slots=True)
class StageFormRow:
    """A stage's row. `command` is a command line, or the callable of a Python stage."""

    name: str = ""
    kind: str = "command"
    command: str = ""
    error: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the row is ignored."""
        return not (self.name or self.command)

    def to_definition(self) -> dict[str, Any]:
        """Return the stage's definition. A command with unbalanced quotes stays text, which the definition's parser refuses."""
        raw: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "command":
            try:
                raw["command"] = shlex.split(self.command)
            except ValueError:
                raw["command"] = self.command
        elif self.kind == "python":
            raw["callable"] = self.command
        return raw


@dataclass(slots=True)
class NewPipelineForm:
    """The entered values and their errors."""

    name: str = ""
    description: str = ""
    stages: list[StageFormRow] = field(default_factory=lambda: [StageFormRow(), StageFormRow(), StageFormRow()])
    error: str | None = None
    name_error: str | None = None

    @classmethod
    def from_form(cls, form: Mapping[str, Sequence[str]]) -> "NewPipelineForm":
        """Return the posted values."""
        columns = (form.get("stage", ()), form.get("kind", ()), form.get("work", ()))
        stages = [StageFormRow(name.strip(), kind, command.strip()) for name, kind, command in zip(*columns, strict=False)]
        return cls(_get_first(form, "name").strip(), _get_first(form, "description").strip(), stages or [StageFormRow()])

    def to_definition(self) -> dict[str, Any]:
        """Return the definition that the form describes."""
        stages = [row.to_definition() for row in self.stages if not row.is_empty]
        return {"name": self.name, "description": self.description, "stages": stages}

    def assign_errors(self, problems: Sequence[FieldProblem]) -> None:
        """Set each problem as the error of its field, or of the form."""
        rows = [row for row in self.stages if not row.is_empty]
        for problem in problems:
            index = problem.field.removeprefix("stages[").split("]")[0]
            if problem.field == "name":
                self.name_error = problem.message
            elif problem.field.startswith("stages[") and index.isdigit() and int(index) < len(rows):
                rows[int(index)].error = f"{problem.field.split('.')[-1]}: {problem.message}"
            else:
                self.error = f"{problem.field}: {problem.message}"


def _get_first(form: Mapping[str, Sequence[str]], key: str) -> str:
    return next(iter(form.get(key, ())), "")
