"""A pipeline's revisions, each with a summary of what it changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.views.pipelines import RevisionView
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp

MAX_SUMMARY_LENGTH = 240
MAX_ITEMS = 20
"""Revisions that a page lists."""


@dataclass(frozen=True, slots=True)
class RevisionItem:
    """A revision and what it changed. `restored_from` is the number of the revision that it repeats."""

    number: int
    created: Timestamp | None
    summary: str
    author: str | None = None
    restored_from: int | None = None


def build_revision_items(revisions: Sequence[RevisionView], count: int = MAX_ITEMS) -> list[RevisionItem]:
    """Return the first `count` revisions, newest first, each compared with the one before it."""
    items = []
    for index, revision in enumerate(revisions[:count]):
        before = revisions[index + 1] if index + 1 < len(revisions) else None
        summary = describe_changes(before, revision) if before else "Created" if revision.revision == 1 else ""
        items.append(
            RevisionItem(revision.revision, format_timestamp(revision.created_at), summary, revision.created_by, revision.restored_from)
        )
    return items


def describe_changes(old: RevisionView, new: RevisionView) -> str:
    """Return what changed between two revisions, in one line."""
    changes = diff_revisions(serialize_pipeline(old.definition), serialize_pipeline(new.definition))
    if not changes:
        return "No functional change"
    text = "; ".join(changes)
    return (text[0].upper() + text[1:])[:MAX_SUMMARY_LENGTH]
