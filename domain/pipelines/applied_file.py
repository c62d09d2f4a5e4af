"""The file that a pipeline was applied from."""

from dataclasses import dataclass
from typing import Final

from domain.errors import Conflict, InvalidInput
from domain.text_validation import find_text_problem

MAX_SOURCE_LENGTH: Final = 100
MAX_FILE_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """A file of a source: a folder of definitions, which its name tells apart from others. `path` is relative to the folder."""

    source: str
    path: str

    def __post_init__(self) -> None:
        """Raise InvalidInput if the source or the path is empty or cannot be stored."""
        for field, text, length in (("source", self.source, MAX_SOURCE_LENGTH), ("file", self.path, MAX_FILE_LENGTH)):
            if problem := "must not be empty" if not text.strip() else find_text_problem(text, length):
                raise InvalidInput.for_field(field, problem)


@dataclass(frozen=True, slots=True)
class AppliedFile:
    """The file that was applied last, and the revision that it made or that was equal to it."""

    file: DefinitionFile
    revision: int


def require_same_source(pipeline: str, applied: AppliedFile | None, file: DefinitionFile) -> None:
    """Raise Conflict `other_source` if another source applied the pipeline: each would undo the changes of the other."""
    if applied is not None and applied.file.source != file.source:
        where = f"{applied.file.path} of the source {applied.file.source}"
        raise Conflict("other_source", f"{pipeline} is applied from {where}. Change it there, or remove one of the files.")
