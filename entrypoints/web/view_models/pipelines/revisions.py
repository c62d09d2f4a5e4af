"""A pipeline's revisions, and the differences between two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from application.queries.views.pipelines import RevisionView
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp
from entrypoints.web.view_models.pipelines.definition_text import format_definition

CONTEXT_LINES = 3
MAX_SUMMARY_LENGTH = 240


@dataclass(frozen=True, slots=True)
class RevisionItem:
    """A revision and what it changed."""

    number: int
    created: Timestamp | None
    summary: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff. `kind` is same, old, new or gap."""

    kind: str
    text: str


def build_revision_items(revisions: Sequence[RevisionView]) -> list[RevisionItem]:
    """Return the revisions, newest first, each compared with the one before it."""
    items = []
    for index, revision in enumerate(revisions):
        before = revisions[index + 1] if index + 1 < len(revisions) else None
        summary = describe_changes(before, revision) if before else "Created" if revision.revision == 1 else ""
        items.append(RevisionItem(revision.revision, format_timestamp(revision.created_at), summary))
    return items


def describe_changes(old: RevisionView, new: RevisionView) -> str:
    """Return what changed between two revisions, in one line."""
    changes = diff_revisions(serialize_pipeline(old.definition), serialize_pipeline(new.definition))
    if not changes:
        return "No functional change"
    text = "; ".join(changes)
    return (text[0].upper() + text[1:])[:MAX_SUMMARY_LENGTH]


def build_diff(old: RevisionView, new: RevisionView) -> list[DiffLine]:
    """Return a line-by-line diff of both revisions as YAML. Gaps replace long runs of unchanged lines."""
    before, after = format_definition(old.definition).splitlines(), format_definition(new.definition).splitlines()
    lines: list[DiffLine] = []
    for tag, low, high, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += _shorten_unchanged(before[low:high], is_first=low == 0, is_last=high == len(before))
            continue
        lines += [DiffLine("old", text) for text in before[low:high]]
        lines += [DiffLine("new", text) for text in after[start:end]]
    return lines


def _shorten_unchanged(texts: Sequence[str], *, is_first: bool, is_last: bool) -> list[DiffLine]:
    head = 0 if is_first else CONTEXT_LINES
    tail = 0 if is_last else CONTEXT_LINES
    lines = [DiffLine("same", text) for text in texts]
    if len(texts) <= head + tail + 1:
        return lines
    gap = DiffLine("gap", f"{len(texts) - head - tail:,} unchanged lines")
    return [*lines[:head], gap, *lines[len(texts) - tail :]]
