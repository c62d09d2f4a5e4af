"""Splits a stage's output into the lines that a terminal shows."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from domain.output.terminal_line import is_redrawn, render_line
from domain.output.terminal_screen import TerminalScreen, get_open_style

LINE_LIMIT: Final = 64 * 1024
"""Bytes after which a line is cut and continues as the next one."""

_REDRAWN_LIMIT: Final = 4 * 1024
"""Bytes of a line without its end from which states that were overwritten are dropped."""
_CONTROLS: Final = (b"\x1b", b"\r", b"\b", b"\x07", b"\xc2\x9b")
_MOVES: Final = re.compile(rb"\x1b\[\d*[AFG]")
"""Movements to other lines, and to columns of the same line, by which some programs draw progress bars without any line end."""
_UNFINISHED_CODE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]*\x1b?|[PX^_][^\x1b\n]*\x1b?|[ -/]*)\Z")
_LONGEST_CODE: Final = 4 * 1024


class LineSplitter:
    """Splits the bytes of one stream into text lines. Invalid UTF-8 and NUL become U+FFFD, so that every line can be stored.

    A line with carriage returns or backspaces, such as a progress bar, becomes its final text on a terminal. Colours are the only terminal
    codes that remain, and a colour that is still set continues on the next line. If the program moves up to lines that it has printed,
    they count as unfinished until it has printed more below them.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._style = ""
        self._screen: TerminalScreen | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._code = ""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the lines that these bytes complete."""
        left, self._rest = self._rest + data, b""
        while left:
            if self._screen is not None:
                line, end, left = left.partition(b"\n")
                yield from self._draw(self._screen, line + end)
            else:
                moved = _MOVES.search(left) if b"\x1b" in left else None
                plain = len(left) if moved is None else left.rfind(b"\n", 0, moved.start()) + 1
                yield from self._split(left[:plain])
                left = left[plain:]
                if moved is not None:
                    self._screen = TerminalScreen(self._style)

    def get_unfinished(self, following: bytes = b"") -> str:
        """Return the text after the last finished line, as a terminal shows it, with more bytes that follow."""
        if self._screen is not None:
            return _replace_nul("\n".join(self._screen.show()))[:LINE_LIMIT]
        rest = _decode(self._rest + following)
        return (render_line(rest, self._style)[0] if self._style or is_redrawn(rest) else rest)[:LINE_LIMIT]

    def flush(self) -> Iterator[str]:
        """Yield the text after the last line end."""
        if self._screen is not None:
            self._screen.write(self._code + self._decoder.decode(b"", final=True))
            for line in (*self._screen.take_finished(), *self._screen.show()):
                yield from _cut_text(_replace_nul(line))
            self._screen = None
        elif self._rest:
            yield from self._render(self._rest)
            self._rest = b""

    def _split(self, data: bytes) -> Iterator[str]:
        *lines, rest = data.split(b"\n")
        has_controls = self._style or any(control in data for control in _CONTROLS)
        for line in lines:
            yield from self._render(line) if has_controls else map(_decode, _cut(line))
        if len(rest) > _REDRAWN_LIMIT and has_controls and (self._style or is_redrawn(_decode(rest))):
            self._screen = TerminalScreen(self._style)
            yield from self._draw(self._screen, rest)
        else:
            *pieces, self._rest = _cut(rest)
            yield from map(_decode, pieces)

    def _render(self, line: bytes) -> Iterator[str]:
        text = _decode(line.removesuffix(b"\r"))
        if self._style or is_redrawn(text):
            text, self._style = render_line(text, self._style)
        elif "\x1b" in text:
            self._style = get_open_style(text)
        yield from _cut_text(text)

    def _draw(self, screen: TerminalScreen, data: bytes) -> Iterator[str]:
        text = self._code + self._decoder.decode(data)
        unfinished = _UNFINISHED_CODE.search(text, max(0, len(text) - _LONGEST_CODE))
        end = unfinished.start() if unfinished else len(text)
        self._code = text[end:]
        screen.write(text[:end])
        for line in screen.take_finished():
            yield from _cut_text(_replace_nul(line))
        if data.endswith(b"\n") and screen.is_plain:
            self._style, self._screen = screen.style, None


def _cut(line: bytes) -> Iterator[bytes]:
    while len(line) > LINE_LIMIT:
        at = LINE_LIMIT
        # Do not cut within a character: its continuation bytes begin with the bits 10.
        while at > LINE_LIMIT - 3 and line[at] & 0xC0 == 0x80:
            at -= 1
        yield line[:at]
        line = line[at:]
    yield line


def _cut_text(text: str) -> Iterator[str]:
    if len(text) * 4 <= LINE_LIMIT:
        yield text
    else:
        yield from map(_decode, _cut(text.encode()))


def _decode(line: bytes) -> str:
    return _replace_nul(line.decode("utf-8", "replace"))


def _replace_nul(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
