"""Import Headgate's packages only from where it is installed, whatever PYTHONPATH says."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def ignore_python_path() -> None:
    """Remove the folders of PYTHONPATH from the import path, but for Headgate's own: their modules would hide those that it needs."""
    sys.path[:] = remove_folders(sys.path, os.environ.get("PYTHONPATH", "").split(os.pathsep))


def remove_folders(path: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return the import path without the first occurrence of each folder. Headgate's own folder stays."""
    kept = list(path)
    for folder in filter(None, folders):
        with contextlib.suppress(OSError):  # the current folder may be gone
            absolute = os.path.abspath(folder)  # noqa: PTH100 (as Python itself makes it absolute)
            if absolute in kept and Path(absolute).resolve() != _ROOT:
                kept.remove(absolute)
    return kept
