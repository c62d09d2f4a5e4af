"""Shows a line with carriage returns and backspaces, such as a progress bar, as a terminal does."""

from __future__ import annotations

import re
from typing import Final

_RESET: Final = "\x1b[0m"
_TOKEN: Final = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|(.)", re.DOTALL)
_ERASED: Final = re.compile(r".*(?:\x1b\[2K|\r\x1b\[0?K)", re.DOTALL)
"""What comes before the last point at which the whole line is erased."""


def is_redrawn(line: bytes) -> bool:
    """True if the bytes of a line are not what a terminal shows."""
    return b"\r" in line or b"\b" in line


def render_line(line: bytes, *, keep_style: bool = False) -> bytes:
    """Return what a terminal shows of a line in the end, without trailing spaces. Colours are kept.

    With `keep_style` the result also ends with the colours that what follows has.
    """
    text = line.decode("utf-8", "replace")
    if "\x1b" not in text and "\b" not in text:
        return _overlay(text.split("\r")).rstrip(" ").encode()
    screen = _ScreenLine()
    erased = _ERASED.match(text)
    for token in _TOKEN.finditer(text, erased.end() if erased else 0):
        screen.write(token)
    return screen.show(keep_style).encode()


def _overlay(states: list[str]) -> str:
    """Return the text of which each state overwrites the beginning of those before it."""
    shown = ""
    for state in reversed(states):
        if len(state) > len(shown):
            shown += state[len(shown) :]
    return shown


class _ScreenLine:
    """The cells of one line, each with the colours that it was written with, and the cursor."""

    def __init__(self) -> None:
        self._cells: list[tuple[str, str]] = []
        self._column = 0
        self._style = ""

    def write(self, token: re.Match[str]) -> None:
        if (character := token[3]) is not None:
            self._write_character(character)
        elif token[2] == "m":
            self._style = "" if token[1] in ("", "0") else self._style.replace(token[0], "") + token[0]
        elif token[2] is not None:
            self._move(token[2], token[1])

    def show(self, keep_style: bool) -> str:
        text, style = "", ""
        while self._cells and self._cells[-1] == (" ", ""):
            self._cells.pop()
        for character, own in self._cells:
            if own != style:
                text += (_RESET if style else "") + own
                style = own
            text += character
        text += _RESET if style else ""
        return text + self._style if keep_style else text

    def _write_character(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character >= " " or character in "\t\0":
            self._pad(self._column + 1)
            self._cells[self._column] = (character, self._style)
            self._column += 1

    def _move(self, command: str, argument: str) -> None:
        count = min(int(argument), 1_000) if argument.isdecimal() else 0
        match command:
            case "C":
                self._column += max(1, count)
            case "D":
                self._column = max(0, self._column - max(1, count))
            case "G":
                self._column = max(1, count) - 1
            case "K" if count == 0:
                del self._cells[self._column :]
            case "K" if count == 1:
                self._cells[: self._column + 1] = [(" ", "")] * min(self._column + 1, len(self._cells))

    def _pad(self, width: int) -> None:
        self._cells += [(" ", "")] * (width - len(self._cells))
