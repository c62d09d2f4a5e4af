"""Notices changes of definition files.

It compares the times of the files, which works on network disks and in containers too, where no notification arrives.
"""

from collections.abc import Iterable
from pathlib import Path

from entrypoints.definitions.definition_search import SearchProblem, find_definition_files

Snapshot = frozenset[tuple[str, int, int]]
"""The path of each file, when it was written, in nanoseconds, and its size in bytes; for a path that cannot be read, -1 and -1."""


def take_snapshot(paths: Iterable[Path]) -> Snapshot:
    """Return the state of the files that `headgate apply` reads. Blocking."""
    return frozenset(
        _describe(found.location if isinstance(found, SearchProblem) else found.path) for found in find_definition_files(paths)
    )


def _describe(path: str | Path) -> tuple[str, int, int]:
    try:
        stat = Path(path).stat()
    except OSError:
        return str(path), -1, -1
    return str(path), stat.st_mtime_ns, stat.st_size
