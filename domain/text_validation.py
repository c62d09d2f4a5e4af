"""Which texts and JSON values can be stored and shown: no NUL, no lone surrogate, no NaN, no integer past 64 bits, not too long."""

import math
from collections.abc import Iterator, Mapping

MAX_JSON_DEPTH = 100


def find_text_problem(value: object, longest: int) -> str | None:
    """None when `value` is text of at most `longest` characters that PostgreSQL and UTF-8 can hold, else what is wrong."""
    if not isinstance(value, str):
        return "is text"
    if len(value) > longest:
        return f"is at most {longest:,} characters long"
    if "\0" in value:
        return "has a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "has half of a surrogate pair"
    return None


def replace_unstorable(text: str) -> str:
    """The text with what cannot be stored or encoded replaced, for sentences that quote input."""
    return "".join("\ufffd" if character == "\0" or "\ud800" <= character <= "\udfff" else character for character in text)


def find_json_problems(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """(path, what is wrong) of every part of the value that JSON in PostgreSQL cannot hold."""
    if depth > MAX_JSON_DEPTH:
        yield path, "is nested too deeply"
    elif isinstance(value, str):
        flaw = find_text_problem(value, len(value))
        if flaw:
            yield path, flaw
    elif isinstance(value, Mapping):
        for key, part in value.items():
            flaw = find_text_problem(key, 1_000)
            if flaw:
                yield path, f"a key {flaw}"
            else:
                yield from find_json_problems(part, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from find_json_problems(part, f"{path}[{index}]", depth + 1)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            yield path, "is a number of at most 64 bits"
    elif not isinstance(value, float) or not math.isfinite(value):
        yield path, "is text, a finite number, true, false, null, a list or an object"
