"""The origin of a revision: the text as its author wrote it, the author, and the revision that it restores."""

from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInput
from domain.text_validation import find_text_problem

MAX_SOURCE_LENGTH: Final = 1 << 20
"""Characters of a definition's text. A request is not larger either."""
BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class RevisionOrigin:
    """The origin of a revision.

    `source` is the definition's text as its author wrote it, YAML or JSON, with its comments; None if the revision was made from values.
    `created_by` is the author's name; None if it is not known or Headgate runs without sign-in. `restored_from` is the number of the
    revision that this one repeats.
    """

    source: str | None = None
    created_by: str | None = None
    restored_from: int | None = None


UNKNOWN_ORIGIN: Final = RevisionOrigin()


def normalize_source(text: str) -> str:
    """Return the text without a byte order mark and with `\\n` as the end of each line. Raise InvalidInput if it cannot be stored."""
    normalized = text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n")
    if problem := find_text_problem(normalized, MAX_SOURCE_LENGTH):
        raise InvalidInput.for_field("", f"the text {problem}")
    return normalized
