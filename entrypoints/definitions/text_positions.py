"""Add the lines of fields to the problems of a definition's text."""

from collections.abc import Iterable
from dataclasses import replace

from domain.errors import FieldProblem
from entrypoints.definitions.document_nodes import find_line
from entrypoints.definitions.yaml_reader import compose_document


def add_lines(text: str, problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    """Return the problems with the lines of their fields. Those without a place in the text, or with a line already, stay as they are."""
    found = list(problems)
    root = compose_document(text) if any(problem.field and problem.line is None for problem in found) else None
    if root is None:
        return found
    return [replace(problem, line=find_line(text, root, problem.field)) if problem.line is None else problem for problem in found]
