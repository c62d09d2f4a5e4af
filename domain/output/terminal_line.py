"""Renders a line with carriage returns, backspaces and cursor movements, such as a progress bar, as a terminal does."""

from __future__ import annotations

import re
from typing import Final

from domain.output.terminal_row import UNEVEN
from domain.output.terminal_screen import TerminalScreen

_COLOUR: Final = r"\x1b\[[0-9;:]*m"
_REDRAWN: Final = re.compile(rf"[\r\b\x07\x9b]|\x1b(?!{_COLOUR[4:]})")
_ERASED: Final = re.compile(r".*(?:\x1b\[2K\r|\r\x1b\[[02]?K)", re.DOTALL)
"""Matches the part of a line up to the last code that erases all of it."""


def is_redrawn(line: str) -> bool:
    """True if a line has control characters or codes other than colours, so that a terminal shows another text."""
    return _REDRAWN.search(line) is not None


def render_line(line: str, style: str = "") -> tuple[str, str]:
    """Return the final text of a line on a terminal, with its colours, and the colours that apply to the next line.

    The line begins with the colours `style`. Movements to other lines have no effect.
    """
    if "\x1b" not in line and not style and "\b" not in line and "\x07" not in line and UNEVEN.search(line) is None:
        return _overlay(line.split("\r")).rstrip(" "), ""
    screen = TerminalScreen(style)
    erased = _ERASED.match(line)
    if erased is not None:
        screen.write(_keep_colours(erased[0]))
    screen.write(line[erased.end() if erased else 0 :].replace("\n", " "))
    return "".join((*screen.take_finished(), *screen.show())), screen.style


def _keep_colours(text: str) -> str:
    return "".join(re.findall(_COLOUR, text))


def _overlay(states: list[str]) -> str:
    """Return the text of which each state overwrites the beginning of those before it."""
    shown = ""
    for state in reversed(states):
        if len(state) > len(shown):
            shown += state[len(shown) :]
    return shown
