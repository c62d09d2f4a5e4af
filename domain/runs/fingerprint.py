"""Fingerprints of failures. Failures with the same error, apart from details that vary between runs, have the same fingerprint."""

import hashlib
import re

FINGERPRINT_LENGTH = 10
_MAX_MESSAGE_LENGTH = 4_000
_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"https?://\S{1,2000}"), "<url>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?\b"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\b"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"), "<address>"),
    (re.compile(r"(?<![\w.])(?:/[\w.@+-]{1,255}){2,40}"), "<path>"),
    (re.compile(r"\b0x[0-9a-f]{1,32}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]{0,63}\d)[0-9a-f]{7,64}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d[\d,._]{0,40}"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def normalize_message(message: str) -> str:
    """Return the first 4,000 characters in lower case, with placeholders for times, ids, addresses, paths and numbers."""
    text = message[:_MAX_MESSAGE_LENGTH]
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return text.strip().lower()


def compute_fingerprint(message: str | None) -> str | None:
    """Return ten hexadecimal digits, the same for equal normalized messages; None if there is no message."""
    if not message or not message.strip():
        return None
    return hashlib.sha256(normalize_message(message).encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_LENGTH]
