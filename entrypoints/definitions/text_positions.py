"""Find the lines of fields in the text of a definition."""

import re
from collections.abc import Iterable
from dataclasses import replace

import yaml

from domain.errors import FieldProblem
from entrypoints.definitions.yaml_reader import compose_document

_INDEX = re.compile(r"\[(\d{1,9})\]")


def add_lines(text: str, problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    """Return the problems with the lines of their fields. Those without a place in the text, or with a line already, stay as they are."""
    found = list(problems)
    root = compose_document(text) if any(problem.field and problem.line is None for problem in found) else None
    if root is None:
        return found
    return [replace(problem, line=_find_line(root, problem.field)) if problem.line is None else problem for problem in found]


def _find_line(root: yaml.Node, path: str) -> int | None:
    """Return the line of the field, or of the nearest object or list that could have it. None if that is the whole definition."""
    node, line, rest = root, None, path
    while rest:
        step = _step(node, rest)
        if step is None:
            break
        line, node, rest = step
    return line


def _step(node: yaml.Node, path: str) -> tuple[int, yaml.Node, str] | None:
    """Return the line of the first part of the path, its node, and the rest of the path. None if the node has no such part."""
    if isinstance(node, yaml.SequenceNode) and (index := _INDEX.match(path)) is not None and int(index[1]) < len(node.value):
        child = node.value[int(index[1])]
        return child.start_mark.line + 1, child, path[index.end() :].removeprefix(".")
    if not isinstance(node, yaml.MappingNode):
        return None
    matching = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode) and _is_first_part(key.value, path)]
    if not matching:
        return None
    key, value = max(matching, key=lambda pair: len(pair[0].value))  # a key may contain dots
    return key.start_mark.line + 1, value, path[len(key.value) :].removeprefix(".")


def _is_first_part(key: str, path: str) -> bool:
    return bool(key) and path.startswith(key) and (len(path) == len(key) or path[len(key)] in ".[")
