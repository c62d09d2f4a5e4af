"""A pipeline's revisions and what differs between two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from application.queries.views.pipelines import RevisionView
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp
from entrypoints.web.view_models.pipelines.page import format_definition

CONTEXT = 3
"""Unchanged lines kept around a change."""


@dataclass(frozen=True, slots=True)
class RevisionItem:
    number: int
    at: Timestamp | None
    words: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`kind` is same, old, new or gap."""

    kind: str
    text: str


def build_revision_items(revisions: Sequence[RevisionView]) -> list[RevisionItem]:
    """Newest first, each with what it changed of the one before."""
    lines = []
    for index, revision in enumerate(revisions):
        before = revisions[index + 1] if index + 1 < len(revisions) else None
        words = describe_changes(before, revision) if before else "The first one" if revision.revision == 1 else ""
        lines.append(RevisionItem(revision.revision, format_timestamp(revision.created_at), words))
    return lines


def describe_changes(old: RevisionView, new: RevisionView) -> str:
    said = diff_revisions(serialize_pipeline(old.definition), serialize_pipeline(new.definition))
    if not said:
        return "Changed nothing that counts"
    text = "; ".join(said)
    return (text[0].upper() + text[1:])[:240]


def build_diff(old: RevisionView, new: RevisionView) -> list[DiffLine]:
    """Both as YAML, line by line; runs of what is the same are cut short."""
    before, after = format_definition(old.definition).splitlines(), format_definition(new.definition).splitlines()
    lines: list[DiffLine] = []
    for tag, low, high, from_, to in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += _same(before[low:high], is_first=low == 0, is_last=high == len(before))
            continue
        lines += [DiffLine("old", text) for text in before[low:high]]
        lines += [DiffLine("new", text) for text in after[from_:to]]
    return lines


def _same(texts: Sequence[str], *, is_first: bool, is_last: bool) -> list[DiffLine]:
    head = 0 if is_first else CONTEXT
    tail = 0 if is_last else CONTEXT
    lines = [DiffLine("same", text) for text in texts]
    if len(texts) <= head + tail + 1:
        return lines
    return [*lines[:head], DiffLine("gap", f"{len(texts) - head - tail:,} lines the same"), *lines[len(texts) - tail :]]
