"""Find the definition files that the arguments of `headgate apply` name: files, folders, patterns and standard input."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STANDARD_INPUT = Path("-")
_SUFFIXES = (".yaml", ".yml", ".json")
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "site-packages"})


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """A file to read. One that was found in a folder may be no definition at all."""

    path: Path
    is_found_in_folder: bool = False

    @property
    def location(self) -> str:
        """The file's name in messages."""
        return "standard input" if self.path == STANDARD_INPUT else str(self.path)


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """An argument, or a folder below it, that leads to no file. `reason` is one line."""

    location: str
    reason: str


def find_definition_files(arguments: Iterable[Path]) -> Iterator[DefinitionFile | SearchProblem]:
    """Yield each file once, in the order of the arguments; those of a folder by name.

    In folders, hidden files and folders, virtual environments and installed packages are skipped, and links are followed once.
    """
    seen: set[Path] = set()
    for argument in arguments:
        for found in _resolve(argument):
            if isinstance(found, DefinitionFile):
                key = found.path if found.path == STANDARD_INPUT else Path(os.path.realpath(found.path))
                if key in seen:
                    continue
                seen.add(key)
            yield found


def _resolve(argument: Path) -> Iterator[DefinitionFile | SearchProblem]:
    is_pattern = re.search(r"[*?\[]", str(argument)) is not None and not os.path.lexists(argument)
    paths = _expand(argument) if is_pattern else [argument]
    if not paths:
        yield SearchProblem(str(argument), "no file matches this pattern")
    for path in paths:
        if path != STANDARD_INPUT and _is_folder(path):
            yield from _search_folder(path)
        else:
            yield DefinitionFile(path)


def _expand(pattern: Path) -> list[Path]:
    """Return what the pattern matches, as a shell does: hidden names only if it has a dot for them."""
    root = Path(pattern.anchor)
    names_hidden = any(part.startswith(".") for part in pattern.parts)
    found = sorted(root.glob(str(pattern.relative_to(root))))
    return found if names_hidden else [path for path in found if not any(part.startswith(".") for part in path.parts)]


def _search_folder(folder: Path) -> Iterator[DefinitionFile | SearchProblem]:
    files: list[Path] = []
    problems: list[SearchProblem] = []

    def add_problem(error: OSError) -> None:
        problems.append(SearchProblem(str(error.filename), error.strerror or str(error)))

    visited = {Path(os.path.realpath(folder))}
    for parent, folders, names in os.walk(folder, onerror=add_problem, followlinks=True):
        folders[:] = [name for name in folders if _is_searched(Path(parent, name), visited)]
        files += [path for name in names if _may_be_definition(path := Path(parent, name))]
    yield from problems
    if not files and not problems:
        yield SearchProblem(str(folder), "no .yaml, .yml or .json file in this folder")
    for file in sorted(files):
        yield DefinitionFile(file, is_found_in_folder=True)


def _is_searched(folder: Path, visited: set[Path]) -> bool:
    """Return False for hidden folders, environments, and folders that have been searched, which a loop of links leads to again."""
    if folder.name.startswith(".") or folder.name in _SKIPPED_FOLDERS or os.path.lexists(folder / "pyvenv.cfg"):
        return False
    real = Path(os.path.realpath(folder))
    if real in visited:
        return False
    visited.add(real)
    return True


def _may_be_definition(path: Path) -> bool:
    """Return True for files and for links that lead nowhere, which are reported; not for pipes and sockets."""
    if path.name.startswith(".") or path.suffix.lower() not in _SUFFIXES:
        return False
    try:
        return path.is_file() or not path.exists()
    except OSError:
        return True


def _is_folder(path: Path) -> bool:
    """Return False for a path that cannot be looked at. Reading it says why."""
    try:
        return path.is_dir()
    except OSError:
        return False
