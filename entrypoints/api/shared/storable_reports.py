"""Parse reports that have values which cannot be stored: the report is taken, and its message says what was changed."""

import json
import re
from typing import Any

from domain.errors import InvalidInput
from domain.reports.storable_values import add_note, describe_changes, make_storable
from domain.text_validation import replace_unstorable
from entrypoints.http import strict_json
from entrypoints.text_decoding import remove_byte_order_mark

_TEXTS = ("error_message", "message", "reporter")
_TOO_DEEP = 200
"""Levels that are never stored, and that every parser can read."""
_MAX_DIGITS = 4_300
"""Digits that Python's int() reads."""
_TOO_LONG = 10**_MAX_DIGITS
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""Strings and brackets. A string without its end matches too, so that the time is linear."""


def parse_report(body: bytes) -> Any:
    """Return a report whose texts and output can be stored. Raise InvalidInput if the rest is not JSON in UTF-8 or cannot be stored."""
    try:
        raw, is_checked = strict_json.parse_fast(body)
    except InvalidInput as error:
        try:
            return make_report_storable(_parse_tolerantly(body))
        except (InvalidInput, ValueError, RecursionError):
            raise error from None
    return raw if is_checked else make_report_storable(raw)


def parse_fast(body: bytes) -> tuple[Any, bool]:
    """Return the JSON value as strict_json does, and True if it is known to pass its check.

    A value that the parser refuses must not cost the other reports of the body, so it is left to `make_report_storable`.
    """
    try:
        return strict_json.parse_fast(body)
    except InvalidInput:
        try:
            return _parse_tolerantly(body), False
        except (ValueError, RecursionError):
            pass
        raise


def _parse_tolerantly(body: bytes) -> Any:
    """Return the JSON value. Raise ValueError, RecursionError, or InvalidInput for too many lists and objects.

    Bytes that are not UTF-8 become lone surrogates, integers of too many digits a large one, and lists of too many levels null:
    `make_report_storable` changes them in texts and outputs, and refuses them in names.
    """
    shallow = _remove_deep_values(body)
    strict_json.check_container_count(shallow)
    return json.loads(remove_byte_order_mark(shallow.decode("utf-8", "surrogateescape")), parse_int=_parse_int)


def make_report_storable(raw: Any) -> Any:
    """Return a report whose texts and output can be stored. Raise InvalidInput if another field cannot be stored."""
    try:
        return strict_json.check(raw)
    except InvalidInput:
        if not isinstance(raw, dict):
            raise
    repaired = raw | {name: replace_unstorable(raw[name]) for name in _TEXTS if isinstance(raw.get(name), str)}
    output, changes = make_storable(raw.get("output"))
    if output is not None or changes:
        repaired["output"] = output
    message = repaired.get("message")
    if changes and (message is None or isinstance(message, str)):
        repaired["message"] = add_note(message, describe_changes(changes))
    return strict_json.check(repaired)


def _parse_int(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else _TOO_LONG


def _remove_deep_values(body: bytes) -> bytes:
    """Return the JSON with null for each list and object that has too many levels around it."""
    parts, depth, copied = [], 0, 0
    for token in _TOKENS.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth == _TOO_DEEP:
                parts.append(body[copied : token.start()] + b"null")
        elif token[0] in b"]}":
            if depth == _TOO_DEEP:
                copied = token.end()
            depth -= 1
    return b"".join(parts) + body[copied:] if parts else body
