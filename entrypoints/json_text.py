"""Parse JSON that people write. The messages say where it is wrong, and are the same for bodies, files and form fields."""

import json
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 64


class InvalidJson(ValueError):
    """A text that is not JSON. The message is a predicate: "must be valid JSON: line 1, column 3"."""


def parse_json(text: str, *, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Return the value. Raise InvalidJson. NaN and Infinity are read, and refused by the check of values."""
    try:
        return json.loads(text, object_pairs_hook=object_pairs_hook)
    except json.JSONDecodeError as error:
        raise InvalidJson(_describe(error)) from error
    except InvalidJson:  # of the hook
        raise
    except RecursionError as error:
        raise InvalidJson(f"is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # an integer with thousands of digits
        raise InvalidJson("has a number that is too long") from error


def _describe(error: json.JSONDecodeError) -> str:
    found = error.doc[error.pos :].lstrip()
    reason = "; JSON has no comments" if found.startswith(("//", "/*", "#")) else ""
    return f"must be valid JSON: line {error.lineno}, column {error.colno}{reason}"
