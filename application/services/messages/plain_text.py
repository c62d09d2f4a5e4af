"""Makes text from runs safe for messages: short, printable and without passwords."""

import re
from typing import Final

MAX_EXAMINED: Final = 20_000
"""Characters of a text that are looked at. An error message may have a megabyte."""
MASK: Final = "********"
_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\-_]?)")
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_LINE_END: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_CREDENTIALS: Final = (
    (re.compile(r"(://[^\s:/@]{0,200}:)[^\s@/]{1,500}(?=@)"), rf"\1{MASK}"),
    (re.compile(r"\b((?:bearer|basic)\s+)[\w.~+/=-]{8,2000}", re.IGNORECASE), rf"\1{MASK}"),
    (
        re.compile(
            r"((?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization)['\"]?\s{0,5}[=:]\s{0,5}['\"]?)(?!\*)[^\s'\",;&]{1,500}",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)
_SECRET_NAME: Final = re.compile(r"passw|passphrase|pwd|secret|token|api_?key|access_?key|private_?key|credential", re.IGNORECASE)


def clean_line(text: str, max_length: int) -> str:
    """Return the text as one printable line, cut to a length. Passwords in URLs and after words such as `password=` are masked."""
    return shorten(" ".join(_clean(text).split()), max_length)


def get_first_line(text: str, max_length: int) -> str:
    """Return the first line that is not blank; empty if there is none."""
    return next((line for each in _clean(text).split("\n") if (line := clean_line(each, max_length))), "")


def clean_lines(text: str, max_lines: int, max_length: int) -> str:
    """Return the first lines of the text, printable, cut to a length in all. Blank lines at both ends are left out."""
    lines = [line.replace("\t", "    ").rstrip() for line in _clean(text).strip("\n ").split("\n")]
    shown = shorten("\n".join(lines[:max_lines]), max_length)
    return f"{shown}\n…" if len(lines) > max_lines and not shown.endswith("…") else shown


def shorten(text: str, max_length: int) -> str:
    """Return the text, cut with an ellipsis if it is longer."""
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"


def is_secret_name(name: str) -> bool:
    """Return True if a parameter of this name probably has a secret value."""
    return _SECRET_NAME.search(name) is not None


def _clean(text: str) -> str:
    text = _LINE_END.sub("\n", _ESCAPE_SEQUENCE.sub("", text[:MAX_EXAMINED]))
    text = _UNPRINTABLE.sub("", text)
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text
