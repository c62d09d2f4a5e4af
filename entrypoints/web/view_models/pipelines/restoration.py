"""What restoring a revision changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.views.pipelines import RevisionWithSource
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp
from entrypoints.web.view_models.pipelines.revision_diff_lines import DiffLine, build_diff
from entrypoints.web.view_models.pipelines.revisions import describe_changes


@dataclass(frozen=True, slots=True)
class Restoration:
    """The revision to restore, and the differences from the newest revision to it."""

    number: int
    author: str | None
    created: Timestamp | None
    newest: int
    summary: str
    lines: Sequence[DiffLine]

    @property
    def next_number(self) -> int:
        return self.newest + 1


def build_restoration(newest: RevisionWithSource, revision: RevisionWithSource) -> Restoration:
    """Return what changes if a revision becomes the newest one."""
    return Restoration(
        revision.revision,
        revision.created_by,
        format_timestamp(revision.created_at),
        newest.revision,
        describe_changes(newest, revision),
        build_diff(newest, revision),
    )
