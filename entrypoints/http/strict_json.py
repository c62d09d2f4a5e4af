"""JSON from strangers: parsed, then held to what can be stored and sent back."""

import json
import math
from typing import Any

import orjson

from domain.errors import FieldProblem, InvalidInput

MAX_DEPTH = 64
BIGINT_RANGE = range(-(2**63), 2**63)
_KINDS = bytes.maketrans(b"123456789Ee", b"000000000..")
"""Every digit as a zero, every exponent's letter as a dot."""
_CONTAINERS = frozenset((dict, list))


def parse_and_check(body: bytes) -> Any:
    """The JSON value, every value in it checked. InvalidInput as for `parse` and `check`."""
    value, is_checked = parse_fast(body)
    return value if is_checked else check(value)


def parse_fast(body: bytes) -> tuple[Any, bool]:
    """The JSON value, and whether it is known to hold nothing that `check` would refuse: most bodies are plain, and cost little.

    InvalidInput as for `parse`.
    """
    if not _needs_full_check(body):
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # said in words below
        else:
            return value, not _is_deeper_than(value, MAX_DEPTH - 1)  # what a container holds is a level deeper
    return parse(body), False


def parse(body: bytes) -> Any:
    """The JSON value. InvalidInput when it is none; what it holds is for `check` to judge."""
    try:
        return json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidInput.for_field("body", "is JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise InvalidInput.for_field("body", f"is not JSON: line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise InvalidInput.for_field("body", f"is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # an integer with thousands of digits
        raise InvalidInput.for_field("body", "has a number that is too long") from error


def check(value: Any) -> Any:
    """The same value. InvalidInput naming the first field with a NUL, half a surrogate pair, NaN, a number past 64 bits, or too deep."""
    problem = _first_problem(value, "", 0)
    if problem is not None:
        raise InvalidInput([problem])
    return value


def sanitize(value: Any) -> Any:
    """The same value with U+FFFD for characters that cannot be stored: what a stage printed is kept, not refused."""
    if isinstance(value, str):
        return sanitize_text(value)
    if isinstance(value, list):
        return [sanitize(item) for item in value]
    if isinstance(value, dict):
        return {sanitize_text(key): sanitize(item) for key, item in value.items()}
    return value


def sanitize_text(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return "".join("\ufffd" if character == "\0" or "\ud800" <= character <= "\udfff" else character for character in text)


def _needs_full_check(body: bytes) -> bool:
    """True for an escape, which may write what cannot be stored, and for a number that may be too long or too large."""
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


def _first_problem(value: Any, path: str, depth: int) -> FieldProblem | None:
    if depth > MAX_DEPTH:
        return FieldProblem(_shown(path), f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            why = _text_problem(key)
            if why:
                return FieldProblem(_shown(path), f"a key {why}")
            problem = _first_problem(item, f"{path}.{key}" if path else key, depth + 1)
            if problem:
                return problem
        return None
    if isinstance(value, list):
        for index, item in enumerate(value):
            problem = _first_problem(item, f"{path}[{index}]", depth + 1)
            if problem:
                return problem
        return None
    why = _scalar_problem(value)
    return FieldProblem(_shown(path), why) if why else None


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, str):
        return _text_problem(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if value in BIGINT_RANGE else "is a whole number of at most 64 bits"
    return None if math.isfinite(value) else "is a finite number"


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return "has a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "has half of a surrogate pair"
    return None


def _shown(path: str) -> str:
    return path[:200] or "body"
