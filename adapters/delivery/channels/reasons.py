"""The reasons of failed deliveries: one line, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER: Final = 6 * 3_600.0
"""The longest delay, in seconds, that a receiver can ask for."""
_MAX_LENGTH: Final = 300
_MIN_SECRET_LENGTH: Final = 4


def clean_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return what a receiver said, on one line and shortened, with an ellipsis for each secret."""
    for secret in sorted((each for each in secrets if len(each) >= _MIN_SECRET_LENGTH), key=len, reverse=True):
        text = text.replace(secret, "…")
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _MAX_LENGTH else line[: _MAX_LENGTH - 1] + "…"


def list_secrets(url: str) -> list[str]:
    """Return the parts of a URL that may be secret: it as a whole, and what is in its user, path and query."""
    rest = url.partition("://")[2]
    return [url, rest, *(part for part in re.split(r"[/?&=@:#]", rest) if len(part) >= 8)]


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, at most MAX_RETRY_AFTER. It has seconds or a date."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:10]), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(value)
        seconds = (date - now).total_seconds() if date.tzinfo is not None else None
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER)
