"""Validate texts and JSON values: PostgreSQL and UTF-8 must be able to store them."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

MAX_JSON_DEPTH = 100
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def find_text_problem(value: object, max_length: int) -> str | None:
    """Return what keeps `value` from being stored as text of at most `max_length` characters; None if nothing does."""
    if not isinstance(value, str):
        return describe_other_type(value)
    if len(value) > max_length:
        return f"must be at most {max_length:,} characters long"
    if "\0" in value:
        return "must not have a NUL character"
    if not value.isascii() and _SURROGATE.search(value):
        return "must not have half of a surrogate pair"
    return None


def describe_other_type(value: object) -> str:
    """Return what a value is that should be text, e.g. "is the number 5: put it in quotes". YAML reads 5, yes and ~ as other types."""
    if isinstance(value, bool):
        return f"is {str(value).lower()} (as YAML reads {'yes and on' if value else 'no and off'}, too): put it in quotes"
    if isinstance(value, int | float):
        return f"is the number {value!s:.40}: put it in quotes"
    if value is None:
        return "is null; write a text in quotes"
    return f"must be text, not {'a list' if isinstance(value, list) else 'an object'}"


def replace_unstorable(text: str) -> str:
    """Return the text with U+FFFD for each NUL and lone surrogate."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def find_json_problems(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for every part of the value that PostgreSQL cannot store as JSON."""
    if depth > MAX_JSON_DEPTH:
        yield path, "is nested too deeply"
    elif isinstance(value, str):
        problem = find_text_problem(value, len(value))
        if problem:
            yield path, problem
    elif isinstance(value, Mapping):
        for key, part in value.items():
            problem = find_text_problem(key, 1_000)
            if problem:
                yield path, f"a key {problem}"
            else:
                yield from find_json_problems(part, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from find_json_problems(part, f"{path}[{index}]", depth + 1)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            yield path, "must be a number of at most 64 bits"
    elif not isinstance(value, float) or not math.isfinite(value):
        yield path, "must be text, a finite number, true, false, null, a list or an object"
