"""The product's source as syntax trees, with modules that a test adds to break a rule on purpose."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

from tests.support.paths import ROOT

LAYERS: Final = ("domain", "application", "adapters", "entrypoints")


@dataclass(frozen=True)
class SourceTree:
    """Modules by path relative to the repository, such as `domain/runs/run.py`."""

    modules: Mapping[str, ast.Module]

    def with_module(self, path: str, source: str) -> Self:
        """Return a tree that has this module too, or instead of the one at that path."""
        return type(self)({**self.modules, path: ast.parse(source, path)})

    def paths(self, folder: str) -> list[str]:
        """Return the paths of the modules in a folder and below it."""
        return sorted(path for path in self.modules if path.startswith(f"{folder}/"))

    def imported_modules(self, path: str) -> Iterator[str]:
        """Yield the dotted name of every absolute import of a module, including those inside functions.

        `from a import b` yields both `a` and `a.b`, since `b` may be a module.
        """
        for node in find_imports(self.modules[path]):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def imported_packages(self, path: str) -> set[str]:
        """Return the top-level names of every import of a module."""
        return {name.partition(".")[0] for name in self.imported_modules(path)}

    def called_names(self, path: str) -> list[str]:
        """Return the last name of every call, such as `now` for `datetime.now()`."""
        functions = [node.func for node in ast.walk(self.modules[path]) if isinstance(node, ast.Call)]
        names = [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in functions]
        return [name for name in names if name]


@cache
def find_imports(module: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Return every import statement of a module. Trees that share a module walk it once."""
    return [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]


@cache
def load_source_tree() -> SourceTree:
    """Parse every module of the four layers that is not empty."""
    files = [file for layer in LAYERS for file in sorted((ROOT / layer).rglob("*.py"))]
    return SourceTree({str(file.relative_to(ROOT)): ast.parse(file.read_text(), str(file)) for file in files if file.read_text().strip()})
