"""The form that adds a stage to the text of a definition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from domain.errors import FieldProblem
from domain.pipelines.definition import StageKind
from domain.pipelines.shell_syntax import find_shell_syntax
from entrypoints.web.form_data import FormData
from entrypoints.web.view_models.editor.field_values import parse_field
from entrypoints.web.view_models.editor.stage_fields import FIELDS, KIND_WORDS, Reading, StageField

PREFIX: Final = "stage-"
"""Begins the names of all fields, so that they differ from those of the text."""
AT_ONCE: Final = "at-once"
_BY_KEY: Final = {each.key: each for each in FIELDS}
_OF_OTHER_KINDS: Final = ("needs", "name", "kind")


@dataclass(frozen=True, slots=True)
class FormLine:
    """A field with what was entered and what is wrong with it."""

    field: StageField
    text: str
    error: str | None

    @property
    def is_flag(self) -> bool:
        return self.field.reading is Reading.FLAG


@dataclass(frozen=True, slots=True)
class StageForm:
    """The entered texts by key. `needs` are the chosen stages; `at_once` is set if the stage needs none of those in the text.

    `shell_syntax` is the part of the command that only a shell understands, if the person has yet to decide about it.
    """

    name: str = ""
    kind: str = StageKind.COMMAND.value
    needs: Sequence[str] = ()
    at_once: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    shell_syntax: str | None = None
    choices: Sequence[str] = ()
    """The stages in the text."""

    @classmethod
    def parse(cls, form: FormData) -> Self:
        """Return the form as it was posted. Blank fields are left out."""
        texts = {each.key: _get(form, each.key) for each in FIELDS}
        needs = tuple(form.get(f"{PREFIX}needs", ()))
        kind = _get(form, "kind") or StageKind.COMMAND.value
        given = {key: text for key, text in texts.items() if text.strip()}
        return cls(_get(form, "name").strip(), kind, needs, f"{PREFIX}{AT_ONCE}" in form, given)

    @property
    def is_blank(self) -> bool:
        """True if nothing was entered, so that there is nothing to add."""
        return not (self.name or self.texts or self.needs or self.at_once)

    @property
    def main_lines(self) -> Sequence[FormLine]:
        return [self._build_line(each) for each in FIELDS if each.is_main]

    @property
    def further_lines(self) -> Sequence[FormLine]:
        return [self._build_line(each) for each in FIELDS if not each.is_main]

    @property
    def shows_further(self) -> bool:
        """True if a further option has a text or an error."""
        return any(line.text or line.error for line in self.further_lines)

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        return [(kind.value, words) for kind, words in KIND_WORDS.items()]

    @property
    def needs_choices(self) -> Sequence[tuple[str, bool]]:
        """The stages that can be needed, and whether they are chosen. A chosen one stays, even if the text lacks it."""
        missing = [name for name in self.needs if name not in self.choices]
        return [(name, name in self.needs) for name in [*self.choices, *missing]]

    def with_choices(self, names: Sequence[str]) -> Self:
        return replace(self, choices=tuple(names))

    def with_errors(self, errors: Mapping[str, str]) -> Self:
        return replace(self, errors=errors)

    def with_shell(self) -> Self:
        """Return the form with the box for the shell ticked."""
        return replace(self, texts={**self.texts, "shell": "true"})

    def find_shell_syntax(self) -> str | None:
        """Return the part of the command that only a shell understands; None if there is none, or the stage runs in a shell."""
        if self.kind != StageKind.COMMAND or "shell" in self.texts:
            return None
        return find_shell_syntax(self.texts.get("command", ""))

    def to_stage(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the stage with the keys that were entered, and the errors by field."""
        errors = self._find_misplaced()
        stage: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.at_once and self.needs:
            errors["needs"] = "Choose stages, or choose that it starts at once."
        elif self.at_once or self.needs:
            stage["needs"] = list(self.needs)
        for key, text in self.texts.items():
            if key in errors:
                continue
            try:
                stage[key] = self._parse(_BY_KEY[key], text)
            except ValueError as error:
                errors[key] = f"{_BY_KEY[key].label} {error}."
        return stage, errors

    def assign(self, problems: Sequence[FieldProblem], index: int) -> tuple[dict[str, str], list[FieldProblem]]:
        """Return the problems of the stage with this index as errors by field, and the others."""
        errors: dict[str, str] = {}
        rest = []
        for problem in problems:
            path = problem.field.removeprefix(f"stages[{index}].")
            key = path.partition(".")[0].partition("[")[0]
            if path == problem.field or not (key in _BY_KEY or key in _OF_OTHER_KINDS):
                rest.append(problem)
            elif key not in errors:
                inner = path.removeprefix(key).lstrip(".")
                errors[key] = f"{_get_label(key)}{f' {inner}' if inner else ''}: {problem.message}"
        return errors, rest

    def _parse(self, definition: StageField, text: str) -> Any:
        if definition.reading is Reading.FLAG:
            return True
        if definition.reading is Reading.COMMAND and "shell" in self.texts:
            return text.strip("\n")
        return parse_field(definition, text if definition.rows else text.strip())

    def _find_misplaced(self) -> dict[str, str]:
        """Return an error for each entered value that a stage of this kind does not have."""
        wrong = [_BY_KEY[key] for key in self.texts if self.kind in list(StageKind) and self.kind not in _BY_KEY[key].kinds]
        return {each.key: f"A stage of kind {self.kind} has no {each.key}. Clear the field, or choose another kind." for each in wrong}

    def _build_line(self, definition: StageField) -> FormLine:
        return FormLine(definition, self.texts.get(definition.key, ""), self.errors.get(definition.key))


def _get(form: FormData, key: str) -> str:
    return next(iter(form.get(f"{PREFIX}{key}", ())), "").replace("\r\n", "\n")


def _get_label(key: str) -> str:
    return _BY_KEY[key].label if key in _BY_KEY else key.capitalize()
