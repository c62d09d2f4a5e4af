"""The posted form of the editor, and the changes that its fields make to the text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.parsing import parse_definition as parse_pipeline
from entrypoints.definitions.text_edits import UneditableText, append_stage, read_text, set_text, use_shell
from entrypoints.definitions.yaml_reader import InvalidDefinitionText
from entrypoints.http.ids import parse_id
from entrypoints.web.form_data import FormData
from entrypoints.web.view_models.editor.stage_form import StageForm
from entrypoints.web.view_models.editor.text_fields import KEYS, TextFields

ADD, ADD_WITH_SHELL, ADD_AS_IT_IS = "stage", "stage-with-shell", "stage-as-it-is"
TEXT_FIELDS: Final = "fields"
FIX_SHELL: Final = "shell-"
"""Begins the actions that set `shell` in the stage whose index follows."""
APPLY: Final = "apply"
"""The name of the buttons that write into the text. Their values say what."""


@dataclass(frozen=True, slots=True)
class EditorForm:
    """A text, the revision that it began as, and the fields that write into it.

    `action` is the value of the button that was used. `notices` say what was written, `problems` why something was not.
    """

    text: str = ""
    revision: int = 0
    stage: StageForm = field(default_factory=StageForm)
    fields: TextFields = field(default_factory=TextFields)
    action: str = ""
    notices: Sequence[str] = ()
    problems: Sequence[str] = ()

    @classmethod
    def parse(cls, form: FormData) -> Self:
        """Return the form as it was posted. The revision is 0 if the form names none."""
        revision = parse_id(_get(form, "revision")) or 0
        entered = {key: _get(form, key).strip() for key in KEYS}
        shown = {key: _get(form, f"shown-{key}").strip() for key in KEYS}
        text = _get(form, "definition").replace("\r\n", "\n")
        return cls(text, revision, StageForm.parse(form), TextFields(entered, shown), _get(form, APPLY))

    @property
    def is_refused(self) -> bool:
        """True if a value that was entered is not in the text."""
        return bool(self.problems or self.stage.errors or self.fields.errors)

    def write(self) -> Self:
        """Return the form with what was entered written into the text; or with the errors of the fields."""
        return self._try(lambda: self._write_fields()._write_action())

    def write_text_fields(self) -> Self:
        """Return the form with its name and description written into the text; or with the errors of the fields."""
        return self._try(self._write_fields)

    def _try(self, write: Callable[[], Self]) -> Self:
        try:
            return write()
        except InvalidDefinitionText as error:
            return replace(self, problems=[f"The text has an error, so nothing was added: {error}"])
        except UneditableText as error:
            return replace(self, problems=[f"{error} Write it into the text."])

    def _write_action(self) -> Self:
        if self.action.startswith(FIX_SHELL):
            return self._use_shell(self.action.removeprefix(FIX_SHELL))
        is_wanted = self.action == ADD or (not self.stage.is_blank and self.action != TEXT_FIELDS)
        return self._add_stage() if is_wanted else self

    def _write_fields(self) -> Self:
        if not any(self.fields.entered.values()):
            return self
        raw = read_text(self.text)
        changes, errors = self.fields.get_changes({key: str(raw.get(key) or "") for key in KEYS})
        text = self.text
        for key, value in changes.items():
            text = set_text(text, key, value)
        return replace(self, text=text, fields=replace(self.fields, errors=errors))

    def _use_shell(self, index: str) -> Self:
        if not index.isascii() or not index.isdigit() or len(index) > 4:
            raise UneditableText("The stage is not in the text.")
        return replace(self, text=use_shell(self.text, int(index)), notices=["Set shell: true."])

    def _add_stage(self) -> Self:
        form = self.stage.with_shell() if self.action == ADD_WITH_SHELL else self.stage
        raw = read_text(self.text)
        syntax = form.find_shell_syntax() if self.action != ADD_AS_IT_IS else None
        if syntax:
            error = {"command": f"{syntax} needs a shell. Add the stage with shell: true, or unchanged."}
            return replace(self, stage=replace(form, errors=error, shell_syntax=syntax))
        stage, errors = form.to_stage()
        if not errors:
            errors, rest = form.assign(_find_problems(raw, stage), _count_stages(raw))
            if rest and not errors:
                errors = {"name": "; ".join(problem.message for problem in rest)}
        if errors:
            return replace(self, stage=form.with_errors(errors))
        text = append_stage(self.text, stage)
        return replace(self, text=text, stage=StageForm(kind=form.kind), notices=[*self.notices, f"Added the stage {form.name}."])


def _count_stages(raw: dict[str, Any]) -> int:
    stages = raw.get("stages")
    return len(stages) if isinstance(stages, list) else 0


def _find_problems(raw: dict[str, Any], stage: dict[str, Any]) -> list[FieldProblem]:
    """Return the problems of a stage as the last one of a definition."""
    index = _count_stages(raw)
    stages = raw.get("stages") if index else []
    try:
        parse_pipeline({"name": "new", "stages": [*(stages if isinstance(stages, list) else ()), stage]})
    except InvalidInput as error:
        return [problem for problem in error.problems if problem.field.startswith(f"stages[{index}]")]
    return []


def _get(form: FormData, key: str) -> str:
    return next(iter(form.get(key, ())), "")
