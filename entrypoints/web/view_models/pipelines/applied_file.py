"""The file that a pipeline was applied from, as its page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.views.pipelines import AppliedFileView
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp


@dataclass(frozen=True, slots=True)
class AppliedFileItem:
    """The file, and who changed the pipeline since. `revision` is that of the change; None if there was none."""

    file: str
    applied_revision: int
    revision: int | None = None
    changed_at: Timestamp | None = None
    change: str = ""


def build_applied_file(found: Sequence[AppliedFileView]) -> AppliedFileItem | None:
    """Return the item of the one view; None for a pipeline that no folder applied."""
    if not found:
        return None
    view = found[0]
    file = f"{view.applied.file.source}/{view.applied.file.path}"
    if not view.has_drifted:
        return AppliedFileItem(file, view.applied.revision)
    author = f" by {view.changed_by}" if view.changed_by else ""
    return AppliedFileItem(file, view.applied.revision, view.revision, format_timestamp(view.changed_at), f"Changed{author} since the file")
