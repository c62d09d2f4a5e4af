import math
from typing import Any

import pytest

from domain.errors import FieldProblem
from domain.storable_json import MAX_STORABLE_DEPTH, find_unstorable


def nest(depth: int, core: Any = 1) -> Any:
    for _ in range(depth):
        core = [core]
    return core


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"a": "\0"}, "a", "has a NUL character"),
        ({"a": ["x", "\ud800"]}, "a[1]", "has half of a surrogate pair"),
        ({"a": {"\0": 1}}, "a", "a key has a NUL character"),
        ({"\udfff": 1}, "body", "a key has half of a surrogate pair"),
        ([0, 1, math.nan], "[2]", "is a finite number"),
        ([True, None, -math.inf], "[2]", "is a finite number"),
        ({"a": {"b": 2**63}}, "a.b", "is a whole number of at most 64 bits"),
        ([-(2**63) - 1], "[0]", "is a whole number of at most 64 bits"),
        ("\0", "body", "has a NUL character"),
        (math.inf, "body", "is a finite number"),
    ],
)
def test_the_first_part_that_cannot_be_stored_is_named(value: Any, field: str, message: str) -> None:
    assert find_unstorable(value) == FieldProblem(field, message)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [[], {}, "", 0, 0.0, -0.0, False, True],
        [2**63 - 1, -(2**63), 1.7976931348623157e308, -1.7976931348623157e308, 5e-324],
        {"é": ["\U0001f600", "\x01", "\\u0000"]},
        nest(MAX_STORABLE_DEPTH),
    ],
)
def test_other_values_can_be_stored(value: Any) -> None:
    assert find_unstorable(value) is None


@pytest.mark.parametrize("core", [1, None, "x", [], {}, True, {"a": 1}])
def test_every_part_beyond_the_deepest_level_is_too_deep(core: Any) -> None:
    problem = find_unstorable(nest(MAX_STORABLE_DEPTH + 1, core))

    assert problem is not None
    assert problem.message == "is nested deeper than 64 levels"
    assert len(problem.field) <= 200


def test_the_field_begins_with_the_given_path() -> None:
    assert find_unstorable({"day": "\0"}, "parameters") == FieldProblem("parameters.day", "has a NUL character")
