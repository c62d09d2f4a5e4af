"""A line of a stage's output as HTML: colours become classes, everything else is text and nothing but text.

One pass, no backtracking: time grows with the length. Unknown escape sequences are dropped, control and bidi characters are made visible,
so that a line can neither act nor look like another one.
"""

import re
import unicodedata
from collections.abc import Iterator
from html import escape

from markupsafe import Markup

LONGEST = 8_000
"""Characters of a line that a page shows; the download has the rest."""

_UNPRINTABLE = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]{0,64})m"  # colours
    r"|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # other control sequences: dropped
    r"|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # titles and links: dropped
    r"|\x1b[@-Z\\-_]"
    rf"|(?P<odd>{_UNPRINTABLE})"
)
UNPRINTABLE = re.compile(_UNPRINTABLE)
"""Characters that are shown by their names: control characters, and those that change the reading direction or cannot be seen."""
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underlined"}
_ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underlined",)}


def render_ansi_line(line: str) -> Markup:
    """Safe to put into a page as it is."""
    cut = len(line) - LONGEST
    style = _Style()
    out: list[str] = []
    place = 0
    text = line[:LONGEST]
    for found in _ESCAPE.finditer(text):
        style.write(text[place : found.start()], out)
        place = found.end()
        if found["sgr"] is not None:
            style.apply(found["sgr"])
        elif found["odd"] is not None:
            style.close(out)
            out.append(_visible(found["odd"]))
    style.write(text[place:], out)
    style.close(out)
    if cut > 0:
        out.append(f'<span class="more"> … {cut:,} more characters</span>')
    return Markup("".join(out))


class _Style:
    """The colour and flags in force, and the span that is open for them."""

    def __init__(self) -> None:
        self._flags: set[str] = set()
        self._colour: str | None = None
        self._open: str | None = None

    def apply(self, codes: str) -> None:
        numbers = iter(int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes))
        for number in numbers:
            if number == 0:
                self._flags, self._colour = set(), None
            elif number in _FLAGS:
                self._flags.add(_FLAGS[number])
            elif number in _ENDS:
                self._flags.difference_update(_ENDS[number])
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self._colour = _COLOURS[number % 10]
            elif number == 39:
                self._colour = None
            elif number in (38, 48):
                wanted = self._extended(numbers)
                self._colour = wanted if number == 38 else self._colour

    @staticmethod
    def _extended(numbers: Iterator[int]) -> str | None:
        """256 colours and true colours come down to the nearest of the eight names; their arguments are consumed."""
        mode = next(numbers, 0)
        if mode == 5:
            index = next(numbers, 0)
            return _COLOURS[index % 8] if index < 16 else _nearest(*(((index - 16) // step) % 6 * 51 for step in (36, 6, 1)))
        if mode == 2:
            return _nearest(*(next(numbers, 0) for _ in range(3)))
        return None

    def write(self, text: str, out: list[str]) -> None:
        if not text:
            return
        wanted = " ".join([*sorted(self._flags), *([self._colour] if self._colour else [])])
        if wanted != (self._open or ""):
            self.close(out)
            if wanted:
                out.append(f'<span class="{wanted}">')
                self._open = wanted
        out.append(escape(text, quote=False))

    def close(self, out: list[str]) -> None:
        if self._open:
            out.append("</span>")
            self._open = None


def _nearest(red: int, green: int, blue: int) -> str:
    strongest = max(red, green, blue)
    bits = [channel * 2 > strongest and strongest > 60 for channel in (red, green, blue)]
    return _COLOURS[bits[0] + 2 * bits[1] + 4 * bits[2]]


def _visible(character: str) -> str:
    code = ord(character)
    if character == "\r":
        return ""
    shown = chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else f"U+{code:04X}"
    name = unicodedata.name(character, f"control character {code:#04x}").lower()
    return f'<span class="odd" title="{escape(name)}">{shown}</span>'


def show_control_characters(text: str) -> str:
    """Text without escape sequences, with its control and bidi characters made visible; still to be escaped as any text is."""

    def shown(found: re.Match[str]) -> str:
        odd = found["odd"]
        if odd is None or odd == "\r":
            return ""
        return chr(0x2400 + ord(odd)) if ord(odd) < 0x20 else "␡" if odd == "\x7f" else f"[U+{ord(odd):04X}]"

    return _ESCAPE.sub(shown, text)


def strip_escape_sequences(text: str) -> str:
    """The line with its escape sequences left out and everything else as it was."""
    return _ESCAPE.sub(lambda found: found["odd"] or "", text)
