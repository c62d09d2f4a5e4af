"""The text of a revision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from application.queries.views.pipelines import RevisionWithSource
from entrypoints.definitions.definition_text import format_definition


@dataclass(frozen=True, slots=True)
class RevisionText:
    """A revision's text: as its author wrote it, or as Headgate writes its definition if the author sent values."""

    revision: int
    text: str
    created_at: datetime
    created_by: str | None

    @classmethod
    def from_view(cls, view: RevisionWithSource) -> Self:
        text = view.source if view.source is not None else format_definition(view.definition)
        return cls(view.revision, text, view.created_at, view.created_by)
