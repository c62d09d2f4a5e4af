"""The figures are counts of work, not times: a value that takes more steps than the limit is refused before the work begins."""

from typing import Any

import orjson
import pytest

from adapters.system.json_schema.compiled_schema import load_schema
from adapters.system.json_schema.validator import JsonSchemaValidator


def find(rule: dict[str, Any], value: Any, **others: Any) -> list[str]:
    schema = {"properties": {"a": rule}, **others}
    return [f"{problem.field}: {problem.message}" for problem in JsonSchemaValidator().find_problems({"a": value}, schema)]


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (
            "date",
            ["2024-02-29", "1999-12-31"],
            ["2024-02-31", "tomorrow", "../../etc", "2023-02-29", "24-01-01", "", "2024-01-01T00:00:00Z"],
        ),
        (
            "date-time",
            ["2024-02-29T10:00:00Z", "2024-02-29T10:00:00.5+02:00"],
            ["2024-02-29", "2024-02-29T10:00:00", "2024-02-30T10:00:00Z"],
        ),
        ("time", ["10:00:00Z", "10:00:00+02:00"], ["10:00", "25:00:00Z", "now"]),
        ("duration", ["P1D", "PT1H30M", "P2W"], ["1d", "P", "1 hour"]),
        ("email", ["a@example.com"], ["a", "@example.com", "a b@example.com"]),
        ("hostname", ["db-1.example.com"], ["-a", "a_b", "a..b", "http://a"]),
        ("ipv4", ["10.0.0.1"], ["10.0.0", "256.0.0.1", "10.0.0.01"]),
        ("ipv6", ["::1"], ["10.0.0.1", ":::", "g::"]),
        ("uri", ["s3://bucket/key", "https://example.com/a?b"], ["bucket/key", "http://a b", "\\\\server"]),
        ("uri-reference", ["a/b", "#x"], ["a b", "\\"]),
        ("uuid", ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08", "2eb8aa08aa9811eab4aa73b441d16380"]),
        ("regex", ["^a+$", "(?=a)b"], ["(", "a**", "[z-a]"]),
        ("uri-template", ["https://example.com/{id}", "a"], ["{", "https://example.com/{a b}"]),
        ("iri", ["https://例え.jp/é"], ["é", "http://a b"]),
        ("iri-reference", ["é/b", "#é"], ["a b"]),
        ("idn-email", ["é@example.com"], ["é", "@example.com"]),
        ("idn-hostname", ["例え.jp", "a.example"], ["-a", "a..b"]),
        ("relative-json-pointer", ["0", "1/a", "2#"], ["/a", "-1", "a"]),
        ("json-pointer", ["", "/a/0", "/a~1b"], ["a", "/a~2"]),
    ],
)
def test_formats_are_checked(name: str, right: list[str], wrong: list[str]) -> None:
    rule = {"type": "string", "format": name}

    assert [value for value in right if find(rule, value)] == []
    assert [value for value in wrong if not find(rule, value)] == []
    assert find(rule, wrong[0]) == [f'parameters.a: "{wrong[0]}" is not a "{name}"'.replace("\\\\", "\\\\\\\\")]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^([a-z0-9]+[-_.]?)+@corp$", "a" * 30_000 + "!"),
        (r"^(a+)+$", "a" * 30_000 + "!"),
        (r"^(a|aa)*$", "a" * 30_000 + "!"),
        (r"(x+x+)+y", "x" * 30_000),
        (r"^(\w+\s?)*$", "w " * 15_000 + "!"),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 30_000),
        (r"(.*)*=.*", "x" * 10_000),
        (r"^(?=.*\d)([a-z]+)+$", "a" * 1_500 + "!"),
        (r"^(a+)+\1$", "a" * 1_500 + "!"),
        (r"(?!x)(?:a|aa)+$", "a" * 1_500 + "!"),
        (r"(?:[ab]{1,50}c?){1,20}d", "ab" * 400),
    ],
)
def test_a_pattern_with_nested_repetition_is_answered(pattern: str, text: str) -> None:
    (problem,) = find({"type": "string", "pattern": pattern}, text)

    assert "does not match" in problem or "takes too long" in problem
    assert len(problem) < 400


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"^[a-z0-9-]+$", "db-1", "DB"),
        (r"\d{4}", "in 2024", "in ２０２４"),
        (r"^(?=.*[A-Z])(?=.*\d).{8,}$", "Password1", "password1"),
        (r"^(\w)\w*\1$", "abba", "abbc"),
        (r"^\p{L}+$", "été", "4"),
        (r"^s3://[a-z0-9.-]{3,63}/", "s3://bucket/key", "s3://b"),
        (r"^(main|release/\d+)$", "release/7", "release/x"),
    ],
)
def test_patterns_are_those_of_ecmascript(pattern: str, right: str, wrong: str) -> None:
    assert not find({"pattern": pattern}, right)
    assert find({"pattern": pattern}, wrong)


DEEP: Any = {}
for _ in range(40):
    DEEP = {"a": DEEP}
SAME_CHILD_TWICE = [{"properties": {"a": {"$ref": "#/properties/a"}}, "required": [name]} for name in ("b", "c")]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"pattern": r"(?!x)(?:a|aa)+$"}, "a" * 100_000),
        ({"pattern": r"(?:[ab]{1,50}c?){1,20}d"}, "ab" * 5_000),
        ({"items": {"enum": [f"x{i}" for i in range(900)]}}, ["y"] * 200_000),
        ({"items": {"allOf": [{"minimum": i} for i in range(500)]}}, [1] * 100_000),
        ({"anyOf": SAME_CHILD_TWICE}, DEEP),
        ({"patternProperties": {f"^{i}.*b.*c": {"type": "integer"} for i in range(200)}}, {f"k{i}": 1 for i in range(20_000)}),
    ],
)
def test_parameters_that_take_too_much_work_are_refused_before_they_are_checked(rule: dict[str, Any], value: Any) -> None:
    assert find(rule, value) == ["parameters: are too large for this schema: checking them would take too long"]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"items": {"type": "integer"}}, [1] * 500_000),
        ({"uniqueItems": True}, list(range(100_000))),
        ({"uniqueItems": True}, [{"x": i} for i in range(30_000)]),
        ({"contains": {"const": 5}}, [*range(6, 50_000), 5]),
        ({"type": "number", "multipleOf": 0.01}, 4.35),
        ({"type": "number", "multipleOf": 0.1}, 1e308),
        ({"type": "integer"}, 2**63 - 1),
        ({"type": "string", "minLength": 3}, "x" * 1_000_000),
        ({"items": {"properties": {f"p{i}": {"type": "string", "format": "date"} for i in range(20)}}}, [{"p3": "2024-01-01"}] * 20_000),
    ],
)
def test_large_valid_parameters_are_accepted(rule: dict[str, Any], value: Any) -> None:
    assert find(rule, value) == []


@pytest.mark.parametrize(
    ("rule", "value", "problem"),
    [
        ({"items": {"type": "integer"}}, ["x"] * 200_000, 'parameters.a[0]: "x" is not of type "integer"'),
        ({"uniqueItems": True}, [*range(50_000), 0], "parameters.a: "),
        (
            {"items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            ["x"] * 50_000,
            "parameters: do not match the schema; they are too large to locate the difference",
        ),
    ],
)
def test_large_invalid_parameters_have_one_short_problem(rule: dict[str, Any], value: Any, problem: str) -> None:
    (found,) = find(rule, value)

    assert found.startswith(problem)
    assert len(found) < 400


def test_every_problem_of_a_form_with_dozens_of_fields_is_named() -> None:
    nullable = {f"n{i}": {"anyOf": [{"type": "string", "pattern": "^[a-z]+$"}, {"type": "null"}], "default": None} for i in range(40)}
    schema = {"properties": {**nullable, "month": {"type": "string"}, "day": {"type": "integer"}}, "required": ["month", "day"]}

    problems = JsonSchemaValidator().find_problems({"day": "x", "n1": "A"}, schema)

    assert {problem.field for problem in problems} == {"parameters.month", "parameters.day", "parameters.n1"}


def test_a_wide_schema_costs_what_one_value_can_reach() -> None:
    narrow = {"properties": {"p0": {"type": "string", "maxLength": 5}}}
    wide = {"properties": {f"p{i}": {"type": "string", "maxLength": 5} for i in range(500)}}

    first, second = (load_schema(orjson.dumps(schema)).cost.levels[1].value for schema in (narrow, wide))

    assert first == second


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"properties": {"a": {"pattern": "("}}}, {"properties": {"a": {"$ref": "#/no"}}}])
def test_a_stored_schema_that_is_refused_today_refuses_the_trigger(schema: dict[str, Any]) -> None:
    schemas = JsonSchemaValidator()

    assert [problem.field for problem in schemas.find_problems({"a": "x"}, schema)] == ["parameters"]
    assert schemas.apply_defaults({"a": "x"}, schema) == {"a": "x"}


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_integers_of_more_than_64_bits_are_checked(number: int) -> None:
    assert find({"type": "integer"}, number) == []
    assert len(find({"type": "integer", "minimum": 1, "maximum": 12}, number)) == 1


def test_a_schema_of_an_earlier_release_that_is_too_large_is_named_in_a_problem() -> None:
    properties = {f"p{number}": {"type": "integer"} for number in range(5_000)}

    (problem,) = JsonSchemaValidator().find_problems({"p1": 1}, {"properties": properties})

    assert "schema" in problem.message
