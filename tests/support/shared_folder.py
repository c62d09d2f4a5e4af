"""The folder with the servers that the controller of pytest-xdist starts for its workers, and with what the workers share."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path

from tests.support.temporary_folders import a_temporary_folder


class _Folder:
    controllers: Path | None = None
    own: Path | None = None


def use_shared_folder(folder: Path) -> None:
    """Let this process, a worker, use the controller's folder."""
    _Folder.controllers = folder


def find_shared_folder() -> Path | None:
    """Return the controller's folder, or None if this process is not a worker with servers."""
    return _Folder.controllers


def get_folder() -> Path:
    """Return the controller's folder, or one of this process."""
    if _Folder.controllers is None and _Folder.own is None:
        stack = ExitStack()
        atexit.register(stack.close)
        _Folder.own = stack.enter_context(a_temporary_folder())
    folder = _Folder.controllers or _Folder.own
    assert folder is not None
    return folder
