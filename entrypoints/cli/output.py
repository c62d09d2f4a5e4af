"""Print results and errors of commands."""

import json
import sys

from domain.errors import FieldProblem
from entrypoints.cli.screens.sanitizer import sanitize


def print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_json_line(value: object) -> None:
    """Print one line of JSON at once, for a program that reads line by line."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_error(error: Exception, location: str = "headgate", lines_before: int = 0) -> None:
    """Print the error to stderr: one line per field in `error.problems`, else the message.

    `lines_before` is the number of lines before the text that the problems are about.
    """
    problems = getattr(error, "problems", None) or [FieldProblem("", str(error))]
    for problem in problems:
        line = f"line {problem.line + lines_before}" if problem.line is not None else ""
        print(sanitize(": ".join(filter(None, (location, line, problem.field, problem.message)))), file=sys.stderr)
