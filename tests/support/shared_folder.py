"""The folder with the servers that the controller of pytest-xdist starts for its workers, and with what the workers share."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tests.support.temporary_folders import a_temporary_folder


class _Controller:
    folder: Path | None = None


def use_shared_folder(folder: Path) -> None:
    """Let this process, a worker, use the controller's folder."""
    _Controller.folder = folder


def find_shared_folder() -> Path | None:
    """Return the controller's folder, or None if this process is not a worker with servers."""
    return _Controller.folder


@cache
def get_own_folder() -> Path:
    """Return a folder of this process, which is removed when it ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(a_temporary_folder())
