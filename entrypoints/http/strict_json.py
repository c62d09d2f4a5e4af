"""Strict JSON: values that PostgreSQL can store and that can be sent back."""

import re
from typing import Any

import orjson

from domain.errors import InvalidInput
from domain.storable_json import MAX_STORABLE_DEPTH, find_unstorable
from domain.text_validation import replace_unstorable
from entrypoints.json_text import InvalidJson, parse_json
from entrypoints.text_decoding import InvalidEncoding, decode_text

MAX_DEPTH = MAX_STORABLE_DEPTH
_KINDS = bytes.maketrans(b"123456789Ee", b"000000000..")
"""Maps every digit to 0 and the letter of an exponent to a dot."""
_CONTAINERS = frozenset((dict, list))
MAX_CONTAINERS = 200_000
"""Lists and objects in one body. The parsers, written in C, let nothing else run while they build them."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A string, or the rest of a body whose last string has no end: without it, the search would begin again at each quote."""


def parse_and_check(body: bytes) -> Any:
    """Return the JSON value. Raise InvalidInput as `parse` and `check` do."""
    value, is_checked = parse_fast(body)
    return value if is_checked else check(value)


def parse_fast(body: bytes) -> tuple[Any, bool]:
    """Return the JSON value, and True if it is known to pass `check`, as most bodies are without the cost of checking each value.

    Raise InvalidInput as `parse` does.
    """
    check_container_count(body)
    if not _needs_full_check(body):
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # `parse` says why
        else:
            return value, not _is_deeper_than(value, MAX_DEPTH - 1)  # scalars in a container are one level deeper
    return parse(body), False


def parse(body: bytes) -> Any:
    """Return the JSON value, unchecked. Raise InvalidInput if the body is not JSON in UTF-8, or too many lists and objects."""
    check_container_count(body)
    try:
        return parse_json(decode_text(body))
    except (InvalidEncoding, InvalidJson) as error:
        raise InvalidInput.for_field("body", str(error)) from error


def check(value: Any) -> Any:
    """Return the value. Raise InvalidInput that names the first field with a NUL, a lone surrogate, NaN, an integer over 64 bits, or too
    many levels."""
    problem = find_unstorable(value)
    if problem is not None:
        raise InvalidInput([problem])
    return value


def sanitize(value: Any, depth: int = 0) -> Any:
    """Return the value with U+FFFD for each character that cannot be stored. Values that are too deep for `check` stay as they are."""
    if isinstance(value, str):
        return replace_unstorable(value)
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [sanitize(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {replace_unstorable(key): sanitize(item, depth + 1) for key, item in value.items()}
    return value


def check_container_count(body: bytes) -> None:
    """Raise InvalidInput if the JSON has more than MAX_CONTAINERS lists and objects."""
    if len(body) <= 2 * MAX_CONTAINERS or body.count(b"[") + body.count(b"{") <= MAX_CONTAINERS:
        return
    rest = _STRING.sub(b"", body)
    if rest.count(b"[") + rest.count(b"{") > MAX_CONTAINERS:
        raise InvalidInput.for_field("body", f"has more than {MAX_CONTAINERS:,} lists and objects")


def _needs_full_check(body: bytes) -> bool:
    """Return True if the body has an escape, which may stand for a character that cannot be stored, or a number that may be too large."""
    if b"\\" in body:
        return True
    kinds = body.translate(_KINDS, b"+-")
    return b"0" * 19 in kinds or b".000" in kinds


def _is_deeper_than(value: Any, levels: int) -> bool:
    if type(value) not in _CONTAINERS:
        return False
    if levels < 0:
        return True
    for item in value.values() if type(value) is dict else value:
        if type(item) in _CONTAINERS and _is_deeper_than(item, levels - 1):
            return True
    return False
