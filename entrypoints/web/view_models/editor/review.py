"""The differences between the newest revision's text and a text that is about to be stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.views.pipelines import RevisionWithSource
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp
from entrypoints.web.view_models.pipelines.revision_diff_lines import DiffLine, build_text_diff


@dataclass(frozen=True, slots=True)
class Review:
    """The lines that differ, and the revision that they are compared with."""

    revision: int
    author: str | None
    created: Timestamp | None
    lines: Sequence[DiffLine]

    @property
    def is_unchanged(self) -> bool:
        return not any(line.kind in ("old", "new") for line in self.lines)


def build_review(newest: RevisionWithSource, text: str) -> Review:
    """Return the differences from the newest revision's text to a new one."""
    return Review(newest.revision, newest.created_by, format_timestamp(newest.created_at), build_text_diff(get_revision_text(newest), text))
