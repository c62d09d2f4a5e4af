"""Rendering of output with ANSI escape sequences as HTML. Colours become CSS classes; everything else is escaped text.

A line is scanned once without backtracking, so the time is linear. Other terminal codes are dropped. Other control characters and
bidirectional overrides are shown by name, so that a line cannot disguise itself as another one.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

from markupsafe import Markup

from domain.output.terminal_codes import TERMINAL_CODES, strip_terminal_codes
from entrypoints.web.text_matches import find_matches, split_by_matches

MAX_LENGTH = 8_000
"""Characters of a line that a page shows. The download contains the rest."""

_UNPRINTABLE = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ESCAPE = re.compile(rf"\x1b\[(?P<sgr>[0-9;:]{{0,64}})m|{TERMINAL_CODES}|(?P<unprintable>{_UNPRINTABLE})")
UNPRINTABLE = re.compile(_UNPRINTABLE)
"""Control characters, bidirectional overrides and invisible characters."""
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underlined"}
_FLAG_RESETS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underlined",)}


def render_ansi_line(line: str, search_text: str = "") -> Markup:
    """Return a line as HTML, cut to MAX_LENGTH characters, with the places that contain the search text marked, also across colours."""
    hidden = len(line) - MAX_LENGTH
    out: list[str] = []
    position = 0
    text = line[:MAX_LENGTH]
    style = _Style(find_matches(strip_terminal_codes(text), search_text) if search_text else ())
    for found in _ESCAPE.finditer(text):
        style.write(text[position : found.start()], out)
        position = found.end()
        if found["sgr"] is not None:
            style.apply(found["sgr"])
        elif found["unprintable"] is not None:
            style.close(out)
            style.skip()
            out.append(_show_character(found["unprintable"]))
    style.write(text[position:], out)
    style.close(out)
    if hidden > 0:
        out.append(f'<span class="more"> … {hidden:,} more characters</span>')
    return Markup("".join(out))


class _Style:
    """The current colour and flags, the HTML span that is open for them, and the position in the visible text.

    `matches` are the places of the visible text to mark.
    """

    def __init__(self, matches: Sequence[tuple[int, int]]) -> None:
        self._matches = matches
        self._position = 0
        self._flags: set[str] = set()
        self._colour: str | None = None
        self._open: str | None = None

    def apply(self, codes: str) -> None:
        """Apply the parameters of an SGR sequence."""
        numbers = iter(int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes))
        for number in numbers:
            if number == 0:
                self._flags, self._colour = set(), None
            elif number in _FLAGS:
                self._flags.add(_FLAGS[number])
            elif number in _FLAG_RESETS:
                self._flags.difference_update(_FLAG_RESETS[number])
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self._colour = _COLOURS[number % 10]
            elif number == 39:
                self._colour = None
            elif number in (38, 48):
                colour = self._read_extended_colour(numbers)
                self._colour = colour if number == 38 else self._colour

    @staticmethod
    def _read_extended_colour(numbers: Iterator[int]) -> str | None:
        """Consume the arguments of a 256-colour or true colour and return the nearest of the eight colours."""
        mode = next(numbers, 0)
        if mode == 5:
            index = next(numbers, 0)
            return _COLOURS[index % 8] if index < 16 else _find_nearest_colour(*(((index - 16) // step) % 6 * 51 for step in (36, 6, 1)))
        if mode == 2:
            return _find_nearest_colour(*(next(numbers, 0) for _ in range(3)))
        return None

    def write(self, text: str, out: list[str]) -> None:
        """Append escaped text, in a span if it has a style."""
        if not text:
            return
        classes = " ".join([*sorted(self._flags), *([self._colour] if self._colour else [])])
        if classes != (self._open or ""):
            self.close(out)
            if classes:
                out.append(f'<span class="{classes}">')
                self._open = classes
        for part, is_match in split_by_matches(text, self._position, self._matches):
            escaped = escape(part, quote=False)
            out.append(f"<mark>{escaped}</mark>" if is_match else escaped)
        self._position += len(text)

    def skip(self) -> None:
        """Pass over a character that is shown by its name."""
        self._position += 1

    def close(self, out: list[str]) -> None:
        """Close the open span."""
        if self._open:
            out.append("</span>")
            self._open = None


def _find_nearest_colour(red: int, green: int, blue: int) -> str:
    strongest = max(red, green, blue)
    bits = [channel * 2 > strongest and strongest > 60 for channel in (red, green, blue)]
    return _COLOURS[bits[0] + 2 * bits[1] + 4 * bits[2]]


def _show_character(character: str) -> str:
    code = ord(character)
    if character == "\r":
        return ""
    shown = chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else f"U+{code:04X}"
    name = unicodedata.name(character, f"control character {code:#04x}").lower()
    return f'<span class="unprintable" title="{escape(name)}">{shown}</span>'


def show_control_characters(text: str) -> str:
    """Return text without escape sequences, and with unprintable characters made visible. The caller must still escape it for HTML."""

    def replace(found: re.Match[str]) -> str:
        character = found["unprintable"]
        if character is None or character == "\r":
            return ""
        code = ord(character)
        return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else f"[U+{code:04X}]"

    return _ESCAPE.sub(replace, text)
