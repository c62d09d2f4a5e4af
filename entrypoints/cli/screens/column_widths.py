"""Fit the columns of a table into a width."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

GAP: Final = 2
"""Spaces between two columns."""
_READABLE_TEXT, _READABLE_NAME = 30, 24
_SHORTEST_TEXT, _SHORTEST_NAME, _SHORTEST_OTHER = 12, 14, 8


def fit_columns(widths: Sequence[int], available: int, name_column: int = 0) -> list[int]:
    """Return the widths that fit into `available`, with the gaps.

    The last column, which holds a sentence, is shortened first, then the names; both as far as they can be read well, and then further.
    The others follow, the widest first. If even that is not enough, the last columns are left out: their width is 0.
    """
    fitted = list(widths)
    last = len(fitted) - 1
    others = sorted((each for each in range(last) if each != name_column), key=lambda each: -widths[each])
    steps = [(last, _READABLE_TEXT), (name_column, _READABLE_NAME), (last, _SHORTEST_TEXT), (name_column, _SHORTEST_NAME)]
    for column, shortest in [*steps, *((each, _SHORTEST_OTHER) for each in others)]:
        excess = _measure(fitted) - available
        if excess > 0:
            fitted[column] = max(min(fitted[column], shortest), fitted[column] - excess)
    for column in range(last, 0, -1):
        if _measure(fitted) <= available:
            break
        fitted[column] = 0
    fitted[0] = min(fitted[0], max(1, available))
    return fitted


def shorten_end(text: str, width: int, ellipsis: str) -> str:
    """Return the text in at most `width` cells, without its end if it is longer."""
    return text if cell_len(text) <= width else _take(text, width - cell_len(ellipsis)).rstrip() + ellipsis[:width]


def shorten_middle(text: str, width: int, ellipsis: str) -> str:
    """Return the text in at most `width` cells, without its middle if it is longer: names often differ at their ends."""
    if cell_len(text) <= width:
        return text
    room = max(0, width - cell_len(ellipsis))
    tail = _take(text[::-1], room // 3)[::-1]
    return _take(text, room - cell_len(tail)) + ellipsis[:width] + tail


def _take(text: str, width: int) -> str:
    """Return the longest beginning of the text that fits into `width` cells."""
    used = 0
    for index, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:index]
    return text


def _measure(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (sum(1 for width in widths if width) - 1)
