"""One row of a terminal: its characters, each with its colours."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

RESET: Final = "\x1b[0m"
UNEVEN: Final = re.compile(
    "[\t\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u065f\u0900-\u0e7f\u1100-\u11ff\u200b-\u200f\u20d0-\u20ff\u231a\u231b\u2329\u232a"
    "\u23e9-\u23f3\u25fd\u25fe\u2600-\u27bf\u2b1b-\u2b55\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe00-\ufe6f\uff00-\uffe6"
    "\U0001f000-\U0003fffd\U000e0000-\U000e01ef]"
)
"""Characters that may not take exactly one column."""
_TAB: Final = 8
_BLANK: Final = (" ", "")


def get_width(character: str) -> int:
    """Return the number of columns that a character takes: two for East Asian ones and emoji, none for accents that combine."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class TerminalRow:
    """The cells of a row. A wide character or a tab is in its first cell, and its other cells are empty."""

    def __init__(self, *, is_above: bool = False) -> None:
        self._cells: list[tuple[str, str]] = []
        self.is_untouched = is_above
        """True for a row above those that are known, until something is written to it."""

    def __len__(self) -> int:
        return len(self._cells)

    def write(self, column: int, text: str, style: str) -> int:
        """Overwrite cells from a column on with text. Return the column after it."""
        self.is_untouched = False
        if UNEVEN.search(text) is None:
            self._put(column, [(character, style) for character in text])
            return column + len(text)
        for character in text:
            column = self._write_character(column, character, style)
        return column

    def tab(self, column: int, style: str) -> int:
        """Move to the next tab stop. At the end of the row the tab itself is written."""
        end = (column // _TAB + 1) * _TAB
        if column >= len(self._cells):
            self._put(column, [("\t", style), *[("", style)] * (end - column - 1)])
        return end

    def erase(self, start: int, end: int | None = None) -> None:
        """Erase the cells between two columns, by default to the end of the row."""
        self._separate(start)
        if end is None or end >= len(self._cells):
            del self._cells[start:]
        else:
            self._separate(end)
            self._cells[start:end] = [_BLANK] * (end - start)

    def delete(self, column: int, count: int) -> None:
        """Remove cells and move those to the right of them."""
        self._separate(column)
        self._separate(column + count)
        del self._cells[column : column + count]

    def insert(self, column: int, count: int) -> None:
        """Insert blank cells."""
        if column < len(self._cells):
            self._separate(column)
            self._cells[column:column] = [_BLANK] * count

    def show(self) -> str:
        """Return the text with its colours, without spaces at the end."""
        while self._cells and self._cells[-1] == _BLANK:
            self._cells.pop()
        text, style = "", ""
        for character, own in self._cells:
            if own != style:
                text += (RESET if style else "") + own
                style = own
            text += character
        return text + RESET if style else text

    def _write_character(self, column: int, character: str, style: str) -> int:
        width = get_width(character)
        if width == 0:
            self._combine(column - 1, character)
        else:
            self._put(column, [(character, style), *[("", style)] * (width - 1)])
        return column + width

    def _combine(self, column: int, character: str) -> None:
        while 0 < column < len(self._cells) and not self._cells[column][0]:
            column -= 1
        if 0 <= column < len(self._cells):
            text, style = self._cells[column]
            self._cells[column] = (text + character, style)

    def _put(self, column: int, cells: list[tuple[str, str]]) -> None:
        end = column + len(cells)
        if column < len(self._cells):
            self._separate(column)
            self._separate(end)
        else:
            self._cells += [_BLANK] * (column - len(self._cells))
        self._cells[column:end] = cells

    def _separate(self, column: int) -> None:
        """Replace a wide character or a tab that is on both sides of a column's left edge by spaces."""
        if column >= len(self._cells) or self._cells[column][0]:
            return
        start = end = column
        while start > 0 and not self._cells[start][0]:
            start -= 1
        while end < len(self._cells) and not self._cells[end][0]:
            end += 1
        self._cells[start:end] = [(" ", style) for _, style in self._cells[start:end]]
