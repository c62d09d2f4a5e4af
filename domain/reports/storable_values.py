"""Change what a report says so that it can be stored: a value that cannot be stored must not cost the report."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from domain.storable_json import BIGINT_RANGE
from domain.text_validation import replace_unstorable

MAX_OUTPUT_DEPTH = 50
"""Levels of an output that had to be changed. Outputs that can be stored as they are may be deeper."""
MAX_REPORT_TEXT = 65_536
MAX_REPORTER = 200
_SHOWN_CHANGES = 3
_MARK_LENGTH = 60
_MAX_PATH = 80


def cut_text(text: str, limit: int = MAX_REPORT_TEXT) -> str:
    """Return the text, or its beginning and end with a mark of how much is left out: the reason of a failure is often at the end."""
    if len(text) <= limit:
        return text
    kept = limit - _MARK_LENGTH
    mark = f"\n… {len(text) - kept:,} characters left out …\n"
    return text[: kept // 2] + mark + text[-(kept - kept // 2) :]


def cut_name(name: str) -> str:
    """Return the name of a reporter, or the beginning and end of a long one."""
    return name if len(name) <= MAX_REPORTER else f"{name[:160]}…{name[-39:]}"


def make_storable(value: Any, path: str = "output") -> tuple[Any, list[str]]:
    """Return the value as it can be stored, and what was changed, such as "output.mean is NaN and was stored as null"."""
    changes: list[str] = []
    return _change(value, path, 0, changes), changes


def describe_changes(changes: Sequence[str]) -> str | None:
    """Return one sentence about the changes for the run's page, None if there are none."""
    if not changes:
        return None
    more = f"; and {len(changes) - _SHOWN_CHANGES} more" if len(changes) > _SHOWN_CHANGES else ""
    return f"Not stored as reported: {'; '.join(changes[:_SHOWN_CHANGES])}{more}."


def add_note(message: str | None, note: str | None) -> str | None:
    """Return the message with the note on a line of its own."""
    return f"{message}\n{note}" if message and note else message or note


def _change(value: Any, path: str, depth: int, changes: list[str]) -> Any:
    if isinstance(value, str):
        return _change_text(value, path, changes)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if value in BIGINT_RANGE else _change_integer(value, path, changes)
    if isinstance(value, float):
        if not math.isfinite(value):
            changes.append(f"{_shorten(path)} is {_name(value)} and was stored as null")
            return None
        return value
    if depth >= MAX_OUTPUT_DEPTH:
        changes.append(f"{_shorten(path)} is nested deeper than {MAX_OUTPUT_DEPTH} levels and was left out")
        return None
    if isinstance(value, Mapping):
        return _change_object(value, path, depth, changes)
    return [_change(item, f"{path}[{index}]", depth + 1, changes) for index, item in enumerate(value)]


def _change_object(value: Mapping[Any, Any], path: str, depth: int, changes: list[str]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, item in value.items():
        name = replace_unstorable(f"{key!s}")
        if name in changed:
            changes.append(f"{_shorten(path)} has two keys {name:.60} and the last was stored")
        elif name != key:
            changes.append(f"a key of {_shorten(path)} cannot be stored and was stored as {name:.60}")
        changed[name] = _change(item, f"{path}.{name:.60}", depth + 1, changes)
    return changed


def _change_text(value: str, path: str, changes: list[str]) -> str:
    text = replace_unstorable(value)
    if text != value:
        changes.append(f"{_shorten(path)} has characters that cannot be stored, which became \ufffd")
    return text


def _change_integer(value: int, path: str, changes: list[str]) -> str | None:
    try:
        text = str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        changes.append(f"{_shorten(path)} has too many digits and was left out")
        return None
    changes.append(f"{_shorten(path)} has more than 64 bits and was stored as text")
    return text


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _shorten(path: str) -> str:
    """Return the path, or its beginning and end: paths of deep values repeat themselves."""
    return path if len(path) <= _MAX_PATH else f"{path[: _MAX_PATH // 2]}…{path[-_MAX_PATH // 2 :]}"
