"""Invalid input, field by field."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from domain.errors import FieldProblem
from domain.text_validation import replace_unstorable
from entrypoints.http.problems import Problem


def validation_problem(problems: Sequence[FieldProblem]) -> Problem:
    """Return the 422 that names every invalid field."""
    shown = [f"{item.field or 'body'}: {item.message}" for item in problems[:3]]
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return Problem(422, "invalid", "; ".join(shown) + more, errors=problems)


def to_field_problems(error: ValidationError | Sequence[Any], skip: int = 0) -> list[FieldProblem]:
    """Return pydantic's findings without the input they are about. `skip` drops that many leading parts of each location."""
    details = error.errors(include_url=False, include_input=False, include_context=False) if isinstance(error, ValidationError) else error
    return [FieldProblem(_path(detail["loc"][skip:]), _sentence(detail)) for detail in details]


def _path(location: Sequence[Any]) -> str:
    path = ""
    for part in location:
        name = replace_unstorable(f"{part!s:.60}")
        path += f"[{part}]" if isinstance(part, int) else f".{name}" if path else name
    return path or "body"


def _sentence(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return "unknown key"
    if detail["type"] == "missing":
        return "is required"
    if detail["type"] in ("model_type", "model_attributes_type"):
        return "must be a JSON object"
    return str(detail["msg"]).removeprefix("Value error, ")
