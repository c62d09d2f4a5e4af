"""The form for a new pipeline."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import FieldProblem
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_documents


@dataclass(slots=True)
class StageFormRow:
    """A stage's row. `command` is a command line, the callable of a Python stage, or the deployment of a stage of kind `prefect`.

    `parameters` are those of the deployment, as YAML or JSON.
    """

    name: str = ""
    kind: str = "command"
    command: str = ""
    parameters: str = ""
    on_cancel: str = ""
    error: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the row is ignored."""
        return not (self.name or self.command)

    def to_definition(self) -> dict[str, Any]:
        """Return the stage's definition. A command with unbalanced quotes, and parameters that are not YAML, stay text, which the
        definition's parser refuses."""
        raw: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "command":
            try:
                raw["command"] = shlex.split(self.command)
            except ValueError:
                raw["command"] = self.command
        elif self.kind == "python":
            raw["callable"] = self.command
        elif self.kind == "prefect":
            raw["deployment"] = self.command
            raw |= {"parameters": _parse_parameters(self.parameters)} if self.parameters else {}
            raw |= {"on_cancel": self.on_cancel} if self.on_cancel else {}
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
        rows = zip(form.get("stage", ()), form.get("kind", ()), form.get("work", ()), strict=False)
        stages = [
            StageFormRow(name.strip(), kind, command.strip(), _get_text(form, "parameters", row).strip(), _get_text(form, "on_cancel", row))
            for row, (name, kind, command) in enumerate(rows)
        ]
        return cls(_get_text(form, "name").strip(), _get_text(form, "description").strip(), stages or [StageFormRow()])

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
                rows[int(index)].error = f"{problem.field.partition('.')[2]}: {problem.message}"
            else:
                self.error = f"{problem.field}: {problem.message}"


def _get_text(form: Mapping[str, Sequence[str]], key: str, row: int = 0) -> str:
    """Return the text of a field in a row; empty if the form has none."""
    texts = form.get(key, ())
    return texts[row] if row < len(texts) else ""


def _parse_parameters(text: str) -> object:
    """Return the object that the YAML or JSON text describes; the text itself if it does not describe one."""
    try:
        documents = parse_documents(text)
    except InvalidDefinitionText:
        return text
    return documents[0] if len(documents) == 1 else text
