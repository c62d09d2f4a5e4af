"""The strings of Python modules: messages, labels, help and the API's descriptions, not docstrings of the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from tests.support.paths import ROOT
from tests.support.strings.found_string import FoundString, Kind, join_spaces
from tests.support.strings.prose import is_label, is_prose

FOLDERS: Final = ("domain", "application", "adapters", "entrypoints", "installation", "examples", "docker")
_SHOWN_DOCSTRINGS: Final = ("entrypoints/api/", "entrypoints/cli/commands/", "entrypoints/http/problems")
_SHOWN_LABELS: Final = ("entrypoints/web/", "entrypoints/cli/", "adapters/delivery/", "application/queries/")
_LOG_METHODS: Final = {"debug", "info", "warning", "error", "exception", "critical"}
_LOGGERS: Final = {"log", "logger", "_log", "_logger"}
_PROBLEMS: Final = {"FieldProblem", "for_field", "problem", "add_problem", "refuse", "report"}
_HELP: Final = {"Option", "Argument", "Field", "Query", "Path", "Header", "Typer", "Body"}


def find_python_strings() -> Iterator[FoundString]:
    """Yield the strings of every module that people can read."""
    files = [ROOT / "headgate.py", *(file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")))]
    for file in files:
        yield from read_module(file.read_text("utf-8"), str(file.relative_to(ROOT)))


def read_module(source: str, path: str) -> Iterator[FoundString]:
    """Yield the strings of one module."""
    reader = _ModuleReader(path)
    reader.visit(ast.parse(source, path))
    yield from sorted(reader.found, key=lambda found: found.line)


class _ModuleReader(ast.NodeVisitor):
    """Collect the strings of one module, with the kind that their surroundings give them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: list[FoundString] = []
        self._kinds = [Kind.SENTENCE]

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._add_docstrings(node.body)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            self._add_docstrings(node.body[:1])
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        if node.decorator_list:
            self._add_docstrings(node.body[:1])
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._visit_as(Kind.ERROR, node)

    def visit_Call(self, node: ast.Call) -> None:
        kind = _kind_of_call(node)
        if kind:
            self._visit_as(kind, node)
        else:
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        self._add(node, self._kinds[-1])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(node, self._kinds[-1])
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        text = _to_text(node)
        if text is None:
            self.generic_visit(node)
        else:
            self._append(node.lineno, self._kinds[-1], text)
            for part in _find_values(node):
                self.visit(part)

    def _add_docstrings(self, body: Sequence[ast.stmt]) -> None:
        """Add the docstrings that the API's documentation or the terminal's help shows: of routes, commands, models and their fields."""
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and self.path.startswith(_SHOWN_DOCSTRINGS):
                self._add(statement.value, Kind.HELP)

    def _visit_as(self, kind: Kind, node: ast.AST) -> None:
        self._kinds.append(kind)
        self.generic_visit(node)
        self._kinds.pop()

    def _add(self, node: ast.expr, kind: Kind) -> None:
        text = _to_text(node)
        if text is not None:
            self._append(node.lineno, kind, text)

    def _append(self, line: int, kind: Kind, text: str) -> None:
        text = join_spaces(text)
        if is_prose(text):
            self.found.append(FoundString(self.path, line, kind, text))
        elif is_label(text) and self.path.startswith(_SHOWN_LABELS):
            self.found.append(FoundString(self.path, line, Kind.LABEL, text))


def _kind_of_call(node: ast.Call) -> Kind | None:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(function, "value", None)
    if name in _LOG_METHODS and (getattr(owner, "id", None) in _LOGGERS or getattr(owner, "attr", None) in _LOGGERS):
        return Kind.LOG
    if name in _PROBLEMS:
        return Kind.PROBLEM
    return Kind.HELP if name in _HELP else None


def _to_text(node: ast.expr) -> str | None:
    """Return the text of a literal, with `{}` for each value; None for any other expression."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _to_text(node.left), _to_text(node.right)
        if left is not None or right is not None:
            return ("{}" if left is None else left) + ("{}" if right is None else right)
    return None


def _find_values(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions of a sum of texts that are no literals themselves, and the values in its f-strings."""
    if isinstance(node, ast.BinOp) and _to_text(node) is not None:
        yield from _find_values(node.left)
        yield from _find_values(node.right)
    elif isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.FormattedValue))
    elif not isinstance(node, ast.Constant):
        yield node
