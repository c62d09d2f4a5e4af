"""The nodes of a definition's text, with their positions, and the lines of its problems."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from domain.errors import FieldProblem

Node = yaml.Node
"""A part of a text with its position."""
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_POSITION = re.compile(r"(?:^|; )line (\d+), column (\d+): ")


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A problem and the number of its line, from 1; None if the text has no such line. `field` is the path of the value."""

    line: int | None
    field: str
    message: str
    column: int | None = None


def find_node(root: yaml.Node, field: str) -> tuple[yaml.Node, bool]:
    """Return the deepest node on the path of a field such as `stages[1].needs`, and whether it is the field itself."""
    node, position = root, 0
    while position < len(field):
        step = _step(node, field, position)
        if step is None:
            return node, False
        node, position = step
    return node, True


def get_entry(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the nodes of a key and its value in a mapping; None if it has no such key."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((name, value) for name, value in node.value if isinstance(name, yaml.ScalarNode) and name.value == key), None)


def get_line(text: str, node: yaml.Node) -> int:
    """Return the number of the line on which a node begins, from 1."""
    return text.count("\n", 0, node.start_mark.index) + 1


def find_line(text: str, root: yaml.Node, field: str) -> int | None:
    """Return the line of a field, or of the nearest object or list that could have it. None if that is the whole definition."""
    node = find_place(root, field)
    return get_line(text, node) if node is not None else None


def find_place(root: yaml.Node, field: str) -> yaml.Node | None:
    """Return the node of a field, or of the nearest object or list that could have it. None if that is the whole definition."""
    node, is_field = find_node(root, field)
    return node if field and (is_field or node is not root) else None


def locate_problems(text: str, root: yaml.Node | None, problems: Sequence[FieldProblem]) -> list[LocatedProblem]:
    """Return the problems with their lines, in the order of the lines. `root` is the node of the text; None if it cannot be read."""
    found = [each for problem in problems for each in _locate(text, root, problem)]
    return sorted(found, key=lambda each: each.line or 0)


def _locate(text: str, root: yaml.Node | None, problem: FieldProblem) -> Iterator[LocatedProblem]:
    parts = _POSITION.split(problem.message)
    if len(parts) > 1:
        last = text.count("\n") + 1
        named = zip(parts[1::3], parts[3::3], parts[2::3], strict=True)
        yield from (LocatedProblem(min(int(line), last), problem.field, message, int(column)) for line, message, column in named)
    else:
        node = None if root is None else find_place(root, problem.field)
        line = None if node is None else get_line(text, node)
        yield LocatedProblem(line, problem.field, problem.message, node.start_mark.column + 1 if node is not None else None)


def _step(node: yaml.Node, field: str, position: int) -> tuple[yaml.Node, int] | None:
    """Return the child that the path names next, and the position after it. Keys may contain dots: the longest one counts."""
    found = _PART.match(field, position)
    if isinstance(node, yaml.SequenceNode) and found and found[2] and int(found[2]) < len(node.value):
        return node.value[int(found[2])], found.end()
    if not isinstance(node, yaml.MappingNode):
        return None
    start = position + (field[position] == ".")
    fitting = [
        (value, start + len(key.value))
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode) and field.startswith(key.value, start) and field[start + len(key.value) :][:1] in ("", ".", "[")
    ]
    return max(fitting, key=lambda each: each[1], default=None)
