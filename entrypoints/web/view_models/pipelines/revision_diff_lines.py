"""The lines that differ between two texts, bounded for a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

from application.queries.views.pipelines import RevisionView, RevisionWithSource
from entrypoints.definitions.definition_text import format_definition

CONTEXT_LINES = 3
MAX_COMPARED = 2_000
"""Lines compared, from the first difference on: the time grows with their square."""
MAX_COMPARED_EXACTLY = 500
"""With more lines, those that occur often no longer align the two texts."""
MAX_SHOWN = 40_000
"""Characters that a page shows."""
MAX_LINE_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff. `kind` is same, old, new or gap."""

    kind: str
    text: str


def build_diff(old: RevisionView, new: RevisionView, new_text: str | None = None) -> list[DiffLine]:
    """Return a line-by-line diff of two revisions: of their texts if both have one, otherwise of their definitions as YAML.

    `new_text` is the text of `new`, if it is known: formatting a large definition takes long.
    """
    old_source, new_source = (each.source if isinstance(each, RevisionWithSource) else None for each in (old, new))
    if old_source is not None and new_source is not None:
        return build_text_diff(old_source, new_source)
    after = new_text if new_text is not None and new_source is None else format_definition(new.definition)
    return build_text_diff(format_definition(old.definition), after)


def build_text_diff(old: str, new: str) -> list[DiffLine]:
    """Return a line-by-line diff of two texts. Gaps replace long runs of unchanged lines, and what is too much for a page."""
    before, after = (text.removesuffix("\n").split("\n") for text in (old, new))
    head = _count_equal(before, after)
    tail = _count_equal(before[head:][::-1], after[head:][::-1])
    old_part, new_part = before[head : len(before) - tail], after[head : len(after) - tail]
    lines = _shorten_unchanged(before[:head], is_first=True, is_last=head == len(before))
    lines += _compare(old_part[:MAX_COMPARED], new_part[:MAX_COMPARED])
    if omitted := max(0, len(old_part) - MAX_COMPARED) + max(0, len(new_part) - MAX_COMPARED):
        return _cut([*lines, DiffLine("gap", f"{omitted:,} more lines, which are not compared")])
    return _cut([*lines, *_shorten_unchanged(before[len(before) - tail :], is_first=False, is_last=True)])


def _count_equal(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many lines are equal at the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _compare(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffLine]:
    is_long = max(len(before), len(after)) > MAX_COMPARED_EXACTLY
    for tag, low, high, start, end in SequenceMatcher(None, before, after, autojunk=is_long).get_opcodes():
        if tag == "equal":
            yield from _shorten_unchanged(before[low:high], is_first=False, is_last=False)
            continue
        yield from (DiffLine("old", text) for text in before[low:high])
        yield from (DiffLine("new", text) for text in after[start:end])


def _shorten_unchanged(texts: Sequence[str], *, is_first: bool, is_last: bool) -> list[DiffLine]:
    head = 0 if is_first else CONTEXT_LINES
    tail = 0 if is_last else CONTEXT_LINES
    if len(texts) <= head + tail + 1:
        return [DiffLine("same", text) for text in texts]
    gap = DiffLine("gap", f"{len(texts) - head - tail:,} unchanged lines")
    first, last = texts[:head], texts[len(texts) - tail :]
    return [*(DiffLine("same", text) for text in first), gap, *(DiffLine("same", text) for text in last)]


def _cut(lines: Sequence[DiffLine]) -> list[DiffLine]:
    """Return the lines that fit on a page, the longest ones cut, and a gap that counts the others."""
    shown: list[DiffLine] = []
    remaining = MAX_SHOWN
    for line in lines:
        remaining -= min(len(line.text), MAX_LINE_LENGTH)
        if remaining < 0:
            return [*shown, DiffLine("gap", f"{len(lines) - len(shown):,} more lines")]
        shown.append(DiffLine(line.kind, f"{line.text[:MAX_LINE_LENGTH]}…") if len(line.text) > MAX_LINE_LENGTH else line)
    return shown
