"""A string that people read, and where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a string is for. Each kind has its own rules of form."""

    TEXT = "text"
    """Text of a page."""
    ATTRIBUTE = "attribute"
    """A title, label, placeholder or alternative text of a page."""
    BUTTON = "button"
    HEADING = "heading"
    EXPRESSION = "expression"
    """A literal in an expression of a template."""
    SCRIPT = "script"
    ERROR = "error"
    """The message of an exception."""
    PROBLEM = "problem"
    """A message that continues the name of a field."""
    LOG = "log"
    HELP = "help"
    """Help of a terminal command, or the description of a route or model of the API."""
    SENTENCE = "sentence"
    """Any other string of a Python module with words in it."""
    LABEL = "label"
    """A single capitalized word in a Python module of the pages or the terminal."""
    DOCUMENT = "document"
    """Prose of README, docs, changelog, examples, dashboards and monitors."""


@dataclass(frozen=True)
class FoundString:
    """`text` is one line, with `{}` in place of every value."""

    path: str
    line: int
    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.text}"


def join_spaces(text: str) -> str:
    """Return the text on one line: a line break and the white space around it become one space."""
    return re.sub(r"[ \t]*\n\s*|\t", " ", text).strip()
