"""The name and the description of a new pipeline: fields that write into the text, and follow it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

KEYS: Final = ("name", "description")


@dataclass(frozen=True, slots=True)
class TextFields:
    """The entered texts by key, and those that the page showed before. A blank field follows the text."""

    entered: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def get_changes(self, written: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the texts to write by key, and an error for each field that disagrees with a change of the text.

        `written` are the texts of the definition.
        """
        changes: dict[str, str] = {}
        errors: dict[str, str] = {}
        for key in KEYS:
            entered, shown, now = self.entered.get(key, ""), self.shown.get(key, ""), written.get(key, "")
            if entered in ("", shown, now):
                continue
            if now in ("", shown):
                changes[key] = entered
            else:
                errors[key] = f"The text says {now[:100]}, this field says {entered[:100]}. Clear the field to keep the value in the text."
        return changes, errors
