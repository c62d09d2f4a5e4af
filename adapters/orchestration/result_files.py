"""Read the files in which Prefect's flows store their results."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MAX_RESULT_BYTES: Final = 1024 * 1024


class ResultNotReadable(Exception):
    """The message is a sentence about the result."""


class ResultFiles:
    """Reads files in the given folders and their subfolders only. It follows no symbolic link inside them."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder.absolute() for folder in folders]

    def read(self, path: Path) -> bytes:
        """Return the content. Raises ResultNotReadable for another folder, no file, no regular file, or more than 1 MiB."""
        try:
            for folder in self._folders:
                if parts := _get_parts(folder, path):
                    return _read(folder, parts)
        except (OSError, ValueError):  # ValueError: a path that no file can have
            raise ResultNotReadable("Headgate cannot read the file of the result.") from None
        raise ResultNotReadable("The result is in a folder that HEADGATE_PREFECT_RESULTS does not name.")


def _get_parts(folder: Path, path: Path) -> tuple[str, ...]:
    """Return the path relative to the folder, () if it is outside. Both can be written with links, as long as those are above it."""
    if not path.is_absolute() or ".." in path.parts:
        return ()
    real = Path(os.path.realpath(path.parent)) / path.name
    for root, target in ((folder, path), (Path(os.path.realpath(folder)), real)):
        if target.is_relative_to(root):
            return target.relative_to(root).parts
    return ()


def _read(folder: Path, parts: Sequence[str]) -> bytes:
    """Open each part of the path without following links, so that no link can be put in place after a check."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for index, part in enumerate(parts):
        kind = os.O_DIRECTORY if index < len(parts) - 1 else os.O_NONBLOCK
        try:
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=opened)
        finally:
            os.close(opened)
        opened = inner
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ResultNotReadable("The result is not in a regular file.")
        content = file.read(MAX_RESULT_BYTES + 1)
    if len(content) > MAX_RESULT_BYTES:
        raise ResultNotReadable(f"The result has more than {MAX_RESULT_BYTES:,} bytes.")
    return content
