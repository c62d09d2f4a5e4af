"""Find a key that an object of a JSON text has twice. Parsers keep the last one silently."""

import json
import re
from typing import Any

from domain.errors import FieldProblem
from domain.text_validation import replace_unstorable

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|\n')


class _DuplicateKey(Exception):
    """An object has a key twice."""


def find_duplicate_key(text: str) -> FieldProblem | None:
    """Return the first duplicate key of a valid JSON text, with both of its lines. None if there is none."""
    try:
        json.loads(text, object_pairs_hook=_refuse_duplicates)
    except _DuplicateKey:
        return _locate(text)
    return None


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateKey
    return found


def _locate(text: str) -> FieldProblem | None:
    """Return the first duplicate key in the order of the text."""
    line, is_key = 1, False
    lines_by_key: list[dict[str, int] | None] = []
    """For each open container, the lines of its keys; None for a list."""
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in "{[":
            lines_by_key.append({} if token == "{" else None)
            is_key = token == "{"
        elif token in "}]":
            lines_by_key.pop()
        elif token == ",":
            is_key = lines_by_key[-1] is not None
        elif is_key and (lines := lines_by_key[-1]) is not None:
            key, is_key = json.loads(token), False
            if key in lines:
                return FieldProblem(replace_unstorable(key[:100]), f"occurs twice in one object, on line {lines[key]} and on line {line}")
            lines[key] = line
    return None
