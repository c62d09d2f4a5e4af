"""One field of a form that asks for parameters: what it shows, and the value that was entered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import InvalidInput
from entrypoints.http import strict_json
from entrypoints.parameters.field_schema import FieldSchema
from entrypoints.parameters.text_values import InvalidText, format_text, is_same_json, parse_text

OMITTED: Any = object()
"""The value of a field that is left out."""
_LINE_ENDS = re.compile(r"\r\n?|\n")


def normalize_line_ends(text: str) -> str:
    """Return the text with LF. Browsers send every line end as CRLF."""
    return _LINE_ENDS.sub("\n", text)


@dataclass(slots=True)
class FormField:
    """A field. `control` is text, number, checkbox, select, lines or json; `text` is what the user sees or entered.

    `reference` is the value that the field began with: the schema's default, or with `is_kept` the value of an earlier run. `rows` is 0 for
    a control of one line. `blank` is what an empty field means: a key of `blank_options`, which the form offers if there is a choice.
    """

    name: str
    schema: FieldSchema
    control: str
    is_required: bool
    reference: Any
    is_kept: bool = False
    hint: str = ""
    text: str = ""
    rows: int = 0
    options: Sequence[tuple[str, str]] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    blank: str = "omit"
    blank_options: Sequence[tuple[str, str]] = ()
    error: str | None = None
    error_path: str = ""
    is_rest: bool = False
    """True for the field of all parameters that have no field of their own."""
    is_cut: bool = False
    """True if the text is too long to be shown again. The field is shown empty."""

    @property
    def shown_text(self) -> str:
        """The text that the field contains on the page."""
        return "" if self.is_cut else self.text

    @property
    def key(self) -> str:
        """The field's name in the posted form."""
        return "rest" if self.is_rest else f"p.{self.name}"

    @property
    def blank_key(self) -> str:
        """The name of the choice of what an empty field means."""
        return f"b.{self.name}"

    @property
    def label(self) -> str:
        """The title, or the name. A title is followed by the name."""
        return self.schema.title or self.name

    @property
    def help(self) -> str:
        return self.schema.description

    @property
    def is_read_only(self) -> bool:
        return self.schema.rule.get("readOnly") is True

    @property
    def error_sentence(self) -> str:
        """The error with the path of the value, as the API and the terminal give it, or nothing."""
        return f"{self.error_path or self.name} {self.error}" if self.error else ""

    def parse(self) -> Any:
        """Return the value that was entered. Set `error` if the text is no value.

        Return OMITTED for an unchanged default too: a run gets its defaults from the schema, however it is triggered.
        """
        if self.is_read_only:
            return OMITTED
        if self._is_unchanged():
            return self.reference if self.is_kept else OMITTED
        if self.control == "checkbox":
            return self.text == "true"
        if not self.text or (self.control != "text" and not self.text.strip()):
            return self._get_blank_value()
        return self._parse_text()

    def _is_unchanged(self) -> bool:
        if self.reference is OMITTED:
            return False
        if self.control == "checkbox":
            return is_same_json(self.reference, self.text == "true")
        shown = normalize_line_ends(format_text(self.reference, self.schema))
        return bool(shown) and self.reference is not None and normalize_line_ends(self.text) == shown

    def _get_blank_value(self) -> Any:
        if self.blank == "null" and self.schema.is_nullable:
            return None
        return "" if self.blank == "empty" and "string" in self.schema.types else OMITTED

    def _parse_text(self) -> Any:
        try:
            value = parse_text(normalize_line_ends(self.text), self.schema)
            strict_json.check({self.name: value})
        except InvalidText as error:
            self.error = str(error)
        except InvalidInput as error:
            self.error, self.error_path = error.problems[0].message, error.problems[0].field
        else:
            return value
        return OMITTED
