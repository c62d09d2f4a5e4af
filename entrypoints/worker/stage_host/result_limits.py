"""Converts a stage's result to JSON values and limits its size. Standard library only, and Python 3.8 or newer."""

from __future__ import annotations

import json
from typing import Any

from entrypoints.worker.stage_host.protocol import RESULT_LIMIT

MAX_RESULT_DEPTH = 100
_PLACE_LIMIT = 200


def limit_result(value: Any) -> tuple[Any, str | None]:
    """Return the value as JSON values, or None and a sentence that says why it was left out.

    Values with a usual form in JSON, such as times, sets and numpy's numbers, are given in it. Raise TypeError that names the place of a
    value that has none.
    """
    try:
        text = json.dumps(value, default=_convert)
    except (ValueError, RecursionError) as failure:
        return None, f"The output was not kept: it cannot be written as JSON ({failure})."
    except TypeError as failure:
        raise TypeError(f"{failure}{_locate(value)}") from None
    if len(text) > RESULT_LIMIT:
        return None, f"The output was not kept: it has {len(text):,} bytes, more than {RESULT_LIMIT:,}."
    repeated: list[str] = []
    result = json.loads(text, object_pairs_hook=lambda pairs: _build_object(pairs, repeated))
    if is_deeper_than(result, MAX_RESULT_DEPTH):
        return None, f"The output was not kept: it is nested deeper than {MAX_RESULT_DEPTH} levels."
    if repeated:
        return result, f"Not stored as reported: two keys are {repeated[0]!r:.60} as text, and only the last was stored."
    return result, None


def shorten(text: str, limit: int) -> str:
    """Return the text, or its beginning and end: the reason of a failure is often at the end."""
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-(limit // 2 - 3) :]}"


def is_deeper_than(value: Any, levels: int) -> bool:
    """Return True if lists and objects are nested deeper than so many levels."""
    current = [value]
    for _ in range(levels + 1):
        containers = [item for item in current if isinstance(item, (dict, list, tuple))]
        if not containers:
            return False
        current = [item for container in containers for item in (container.values() if isinstance(container, dict) else container)]
    return True


def _convert(value: Any) -> Any:
    """Return a value that JSON has for one that it lacks. Raise TypeError if there is no usual one."""
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    for method in ("tolist", "isoformat", "_asdict"):  # of numpy and pandas, of dates and times, of rows
        if not isinstance(value, type) and callable(convert := getattr(value, method, None)):
            return convert()
    return _convert_by_type(value)


def _convert_by_type(value: Any) -> Any:
    import dataclasses
    import datetime
    import decimal
    import enum
    import fractions
    import pathlib
    import uuid

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (decimal.Decimal, fractions.Fraction, pathlib.PurePath, uuid.UUID)):
        return str(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _locate(value: Any) -> str:
    """Return where the first value without a form in JSON is, such as " (at output.rows[3])"."""
    path = "output"
    while isinstance(value, (dict, list, tuple)) and len(path) < _PLACE_LIMIT:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found = next(((key, item) for key, item in items if not _is_writable({key: item})), None)
        if found is None or not _is_writable({found[0]: None}):
            break  # the key is to blame
        path += f".{found[0]!s:.60}" if isinstance(value, dict) else f"[{found[0]}]"
        value = found[1]
    return f" (at {path})"


def _is_writable(value: Any) -> bool:
    try:
        json.dumps(value, default=_convert)
    except TypeError:
        return False
    return True


def _build_object(pairs: list[tuple[str, Any]], repeated: list[str]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        names = [name for name, _ in pairs]
        repeated.append(next(name for name in built if names.count(name) > 1))
    return built
