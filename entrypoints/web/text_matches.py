"""Where a text contains what a person searches for."""

from collections.abc import Iterator, Sequence

MAX_MATCHES = 100
"""Places of one text that are marked."""


def find_matches(text: str, search_text: str) -> list[tuple[int, int]]:
    """Return the start and end of each place, without regard to case. They do not overlap."""
    lowered, wanted = text.lower(), search_text.lower()
    found: list[tuple[int, int]] = []
    if not wanted or len(lowered) != len(text):  # a few letters have a lower case of two letters
        return found
    start = lowered.find(wanted)
    while start >= 0 and len(found) < MAX_MATCHES:
        found.append((start, start + len(wanted)))
        start = lowered.find(wanted, start + len(wanted))
    return found


def split_by_matches(text: str, position: int, matches: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a text and whether each is in a match. The text begins at a position of the one that was searched."""
    end = position + len(text)
    done = position
    for start, stop in matches:
        if stop <= position or start >= end:
            continue
        if start > done:
            yield text[done - position : start - position], False
        yield text[max(start, done) - position : min(stop, end) - position], True
        done = min(stop, end)
    if done < end:
        yield text[done - position :], False
