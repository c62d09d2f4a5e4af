"""Makes text from runs safe for messages: short, printable and without passwords."""

import re
from typing import Final

MAX_EXAMINED: Final = 20_000
"""Characters of a text that are looked at. An error message may have a megabyte."""
MASK: Final = "********"
_TRACEBACK: Final = "Traceback (most recent call last):"
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


def find_error_line(text: str, max_length: int) -> str:
    """Return the line that names the error: the first one, or the one after the frames of a Python traceback."""
    lines = [line for line in _clean(text).split("\n") if line.strip()]
    if lines and lines[0].startswith(_TRACEBACK):
        lines = [line for line in lines[1:] if not line[0].isspace()] or lines
    return clean_line(lines[0], max_length) if lines else ""


def clean_lines(text: str, max_lines: int, max_length: int) -> str:
    """Return the text with printable lines, cut to numbers of lines and characters. Of a longer text, the first and the last lines stay."""
    lines = [line.replace("\t", "    ").rstrip() for line in _clean(text).strip("\n ").split("\n")]
    if len(lines) > max_lines:
        first = max_lines // 3
        lines = [*lines[:first], "…", *lines[first + 1 - max_lines :]]
    return _cut_middle("\n".join(lines), max_length)


def shorten(text: str, max_length: int) -> str:
    """Return the text, cut with an ellipsis if it is longer."""
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"


def is_secret_name(name: str) -> bool:
    """Return True if a parameter of this name probably has a secret value."""
    return _SECRET_NAME.search(name) is not None


def _cut_middle(text: str, max_length: int) -> str:
    """Return the text, without its middle if it is too long: the end of an error message often says what is wrong."""
    if len(text) <= max_length:
        return text
    first = max_length // 3
    return f"{text[:first]}\n…\n{text[first + 3 - max_length :]}"


def _clean(text: str) -> str:
    text = _LINE_END.sub("\n", _ESCAPE_SEQUENCE.sub("", _cut_middle(text, MAX_EXAMINED)))
    text = _UNPRINTABLE.sub("", text)
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text
