"""Interprets a program's output as a terminal does, and stores the last rows, which the program may still change."""

from __future__ import annotations

import functools
import re
from typing import Final

from domain.output.terminal_codes import TERMINAL_CODES
from domain.output.terminal_row import TerminalRow

MAX_HEIGHT: Final = 200
"""Rows that a program can move up."""
MAX_WIDTH: Final = 64 * 1024
"""Columns of a row. Longer text continues on the next one."""
_MAX_COUNT: Final = 1_000
_MAX_STYLE: Final = 100
_TOKEN: Final = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<command>[@-~])"
    rf"|(?:{TERMINAL_CODES})|(?P<control>[\x01-\x1f\x7f])|(?P<text>[^\x01-\x1f\x7f\x9b]+)"
)


class TerminalScreen:
    """The rows from the highest one that the program has returned to, and the cursor.

    A row is finished when the cursor is so far below it that the program has never moved up as far, or only long ago.
    """

    def __init__(self, style: str = "") -> None:
        self.style = style
        """The colours of the text that follows."""
        self._rows = [TerminalRow()]
        self._finished: list[str] = []
        self._row = self._column = self._height = self._added = 0

    def write(self, text: str) -> None:
        """Take output. It ends neither in a terminal code nor in a character."""
        for token in _TOKEN.finditer(text):
            if (printed := token["text"]) is not None:
                self._print(printed)
            elif (control := token["control"]) is not None:
                self._control(control)
            elif (command := token["command"]) is not None:
                self._execute(command, token["parameters"])

    def take_finished(self) -> list[str]:
        """Return the rows that are finished since the last call, with their colours."""
        finished, self._finished = self._finished, []
        return finished

    @property
    def is_plain(self) -> bool:
        """True if the cursor is in an empty row and the program does not move up at present."""
        return self._height == 0 and len(self._rows) == 1 and self._column == 0 and len(self._rows[0]) == 0

    def show(self) -> list[str]:
        """Return the rows that are not finished, without empty ones at the end."""
        rows = [row.show() for row in self._rows if not row.is_untouched]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _print(self, text: str) -> None:
        for start in range(0, len(text), MAX_WIDTH):
            if self._column >= MAX_WIDTH:
                self._feed_line()
            self._column = self._rows[self._row].write(self._column, text[start : start + MAX_WIDTH], self.style)

    def _control(self, character: str) -> None:
        match character:
            case "\n":
                self._feed_line()
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case "\t":
                self._column = self._rows[self._row].tab(self._column, self.style)

    def _execute(self, command: str, parameters: str) -> None:
        row, count = self._rows[self._row], _parse_count(parameters)
        match command:
            case "m":
                self.style = add_style(self.style, parameters)
            case "A" | "F":
                self._move_up(count or 1)
            case "B" | "E":
                for _ in range(min(count or 1, MAX_HEIGHT)):
                    self._move_down()
            case "C":
                self._column = min(self._column + (count or 1), MAX_WIDTH)
            case "D":
                self._column = max(0, self._column - (count or 1))
            case "G" | "`":
                self._column = (count or 1) - 1
            case "K" | "J":
                self._erase(row, count)
                if command == "J" and count == 0:
                    del self._rows[self._row + 1 :]
            case "P":
                row.delete(self._column, count or 1)
            case "X":
                row.erase(self._column, self._column + (count or 1))
            case "@":
                row.insert(self._column, count or 1)
        if command in "EF":
            self._column = 0

    def _erase(self, row: TerminalRow, part: int) -> None:
        if part == 0:
            row.erase(self._column)
        elif part == 1:
            row.erase(0, self._column + 1)
        elif part == 2:
            row.erase(0)

    def _move_up(self, count: int) -> None:
        count = min(count, MAX_HEIGHT)
        if missing := max(0, count - self._row):
            self._rows[:0] = [TerminalRow(is_above=True) for _ in range(missing)]
            self._row += missing
        self._row -= count
        self._height = max(self._height, len(self._rows) - 1 - self._row)
        self._added = 0

    def _move_down(self) -> None:
        if self._row == len(self._rows) - 1:
            self._rows.append(TerminalRow())
            self._added += 1
        self._row += 1

    def _feed_line(self) -> None:
        self._move_down()
        self._column = 0
        if self._added > 3 * self._height:
            self._height = 0
        while self._row > self._height:
            row = self._rows.pop(0)
            self._row -= 1
            if not row.is_untouched:
                self._finished.append(row.show())


def add_style(style: str, parameters: str) -> str:
    """Return the colour codes that apply after another one with these parameters."""
    code = f"\x1b[{parameters}m"
    if parameters in ("", "0", "00") or not all(character in "0123456789;:" for character in parameters):
        return ""
    if parameters.startswith("0;"):
        return code
    style = style.replace(code, "") + code
    return style if len(style) <= _MAX_STYLE else code


def get_open_style(text: str) -> str:
    """Return the colour codes that apply after the text."""
    styles = (token["parameters"] for token in _TOKEN.finditer(text) if token["command"] == "m")
    return functools.reduce(add_style, styles, "")


def _parse_count(parameters: str) -> int:
    first = parameters.partition(";")[0]
    return min(int(first), _MAX_COUNT) if first.isdecimal() and first.isascii() else 0
