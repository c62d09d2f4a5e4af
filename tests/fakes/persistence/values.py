"""Checks that PostgreSQL can store a value."""

import json
import re
from datetime import datetime
from typing import Any

from tests.fakes.persistence.frozen_json import FrozenDict, FrozenList, freeze

BIGINT = range(-(2**63), 2**63)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNSTORABLE_IN_JSON = re.compile(r"[\ud800-\udfff]|\\u0000")
_write_json = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


class RowRejected(Exception):
    """A value cannot be stored, or a row violates a constraint."""


def text(value: str | None) -> str | None:
    """Return the text. Raise RowRejected for a NUL character and for half of a surrogate pair."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise RowRejected(f"{value!r} is not text")
    if _UNSTORABLE.search(value):
        raise RowRejected("the text has a NUL character or half of a surrogate pair")
    return value


def bigint(value: int | None) -> int | None:
    if value is not None and (not isinstance(value, int) or value not in BIGINT):
        raise RowRejected(f"{value!r} is not a 64-bit integer")
    return value


def moment(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise RowRejected("a moment without a time zone")
    return value


def document(value: Any) -> Any:
    """Return the value as JSON returns it, but immutable: lists for tuples, text keys.

    Raise RowRejected if JSON or jsonb cannot represent it.
    """
    if value is None or isinstance(value, FrozenDict | FrozenList):  # the latter were stored before
        return value
    try:
        written = _write_json(value)
        if not _UNSTORABLE_IN_JSON.search(written):
            return freeze(json.loads(written))
        parsed = json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise RowRejected(f"not JSON: {error}") from None
    _check_texts(parsed)
    return freeze(parsed)


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        text(value)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            text(key)
            _check_texts(item)
