"""The lines of fields in a text."""

import pytest

from domain.errors import FieldProblem
from entrypoints.definitions.text_positions import add_lines

TEXT = """\
# first
name: flights
env:
  A.B: x
  A: y
stages:
  - name: a
    command:
      - echo
      - two
    # a comment
    timeout: 5
  - {name: b, kind: external,
     timeout: -1}
parameters: {type: object,
  properties: {month: {type: integr}}}
"""


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("name", 2),
        ("env.A.B", 4),
        ("env.A", 5),
        ("env.C", 4),
        ("stages", 7),
        ("stages[0].name", 7),
        ("stages[0].command[1]", 10),
        ("stages[0].command[7]", 9),
        ("stages[0].timeout", 12),
        ("stages[0].needs", 7),
        ("stages[1]", 13),
        ("stages[1].timeout", 14),
        ("stages[2].name", 7),
        ("parameters.properties.month.type", 16),
        ("schedules[0].cron", None),
        ("", None),
    ],
)
def test_a_problem_has_the_line_of_its_field_or_of_what_could_have_it(field: str, line: int | None) -> None:
    assert add_lines(TEXT, [FieldProblem(field, "is wrong")]) == [FieldProblem(field, "is wrong", line)]


def test_a_line_that_is_known_stays() -> None:
    assert add_lines(TEXT, [FieldProblem("name", "is wrong", 9)]) == [FieldProblem("name", "is wrong", 9)]


def test_json_has_lines_if_yaml_can_read_it() -> None:
    problems = [FieldProblem("name", "is wrong")]

    assert add_lines('{\n\t"name": "x"}', problems) == [FieldProblem("name", "is wrong", 2)]
    assert add_lines('{\n"name": "\\ud83d\\ude00"}', problems) == problems
