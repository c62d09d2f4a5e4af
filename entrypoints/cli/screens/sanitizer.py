"""Remove what could control the reader's terminal from text that others wrote."""

import re

_CONTROL_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""Escape sequences, control characters and bidirectional overrides. Line feeds and tabs are kept for `sanitize` to replace."""


def sanitize(text: object) -> str:
    """Return `text` as one printable line."""
    return _CONTROL_SEQUENCES.sub("", str(text)).replace("\n", " ").replace("\t", "    ")
