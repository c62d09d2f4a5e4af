"""Removes the codes with which programs control a terminal: colours, titles, links, cursor movements and bells."""

from __future__ import annotations

import re
from typing import Final

TERMINAL_CODES: Final = (
    r"\u001b(?:\[[0-?]*[ -/]*[@-~]"  # control sequences such as colours
    r"|\][^\u0007\u001b]*(?:\u0007|\u001b\\)"  # operating system commands such as titles and links
    r"|[PX^_][^\u001b]*\u001b\\"  # device control strings and messages
    r"|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])?"  # character sets and other short sequences; and an escape without a sequence
    r"|\u009b[0-?]*[ -/]*[@-~]|\u0007"
)
"""A regular expression that Python and PostgreSQL understand alike. The text of a link is no part of its codes."""

FIRST_CHARACTERS: Final = "\x1b\x9b\x07"
"""Text without any of these has no codes."""

_CODES: Final = re.compile(TERMINAL_CODES)
_BEGINNING: Final = re.compile(f"[{FIRST_CHARACTERS}]")


def strip_terminal_codes(text: str) -> str:
    """Return the text without terminal codes, as a person reads it."""
    return _CODES.sub("", text) if _BEGINNING.search(text) else text
