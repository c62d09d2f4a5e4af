"""Find parts of a JSON value that PostgreSQL cannot store, or that could not be sent back."""

import math
from typing import Any

from domain.errors import FieldProblem

MAX_STORABLE_DEPTH = 64
BIGINT_RANGE = range(-(2**63), 2**63)
_LIMIT = 2**63
_MAX_PATH_LENGTH = 200


def find_unstorable(value: Any, path: str = "", root: str = "body") -> FieldProblem | None:
    """Return the first problem: a NUL, a lone surrogate, NaN, Infinity, an integer over 64 bits, or too many levels.

    The problem's field is the part's path below `path`, or `root` for a value without a path.
    """
    found = _find(value, path, 0)
    return FieldProblem(found[0][:_MAX_PATH_LENGTH] or root, found[1]) if found else None


def _find(value: Any, path: str, depth: int) -> tuple[str, str] | None:
    if depth > MAX_STORABLE_DEPTH:
        return path, f"is nested deeper than {MAX_STORABLE_DEPTH} levels"
    if isinstance(value, dict):
        return _find_in_object(value, path, depth)
    if isinstance(value, list):
        return _find_in_list(value, path, depth)
    message = _describe_scalar_problem(value)
    return (path, message) if message else None


def _find_in_object(value: dict[str, Any], path: str, depth: int) -> tuple[str, str] | None:
    for key, item in value.items():
        message = _describe_text_problem(key)
        if message:
            return path, f"a key {message}"
        if depth >= MAX_STORABLE_DEPTH or not _is_plain(item):
            found = _find(item, f"{path}.{key}" if path else key, depth + 1)
            if found:
                return found
    return None


def _find_in_list(value: list[Any], path: str, depth: int) -> tuple[str, str] | None:
    for index, item in enumerate(value):
        if depth >= MAX_STORABLE_DEPTH or not _is_plain(item):
            found = _find(item, f"{path}[{index}]", depth + 1)
            if found:
                return found
    return None


def _is_plain(value: Any) -> bool:
    """Return True for most values that can be stored. It saves the time of building a path for each."""
    kind = value.__class__
    if kind is str:
        return value.isascii() and "\0" not in value
    return not value or value is True or ((kind is int or kind is float) and -_LIMIT <= value < _LIMIT)


def _describe_scalar_problem(value: Any) -> str | None:
    if isinstance(value, str):
        return _describe_text_problem(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if value in BIGINT_RANGE else "is a whole number of at most 64 bits"
    return None if math.isfinite(value) else "is a finite number"


def _describe_text_problem(text: str) -> str | None:
    if "\0" in text:
        return "has a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "has half of a surrogate pair"
    return None
