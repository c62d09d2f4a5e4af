"""Check the home folder before anything else needs it."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterator
from pathlib import Path

from entrypoints.supervisor.instance_lock import StartError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_PROBE = bytes(64 * 1024)


def prepare_home(home: Path) -> None:
    """Create the home folder and write a file there that is removed at once. Raise StartError if that is not possible."""
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(_PROBE)
    except OSError as error:
        raise StartError(f"The home {home} cannot be used: {_describe(error, home)}.") from None


@contextlib.contextmanager
def explain_file_errors(home: Path) -> Iterator[None]:
    """Turn errors of files into StartError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StartError(f"The home {home} cannot be used: {_describe(error, home)}.") from None
        raise StartError(f"{error.filename or home} cannot be used: {error.strerror}; repair it, or set HEADGATE_HOME.") from None


def _describe(error: OSError, home: Path) -> str:
    if error.errno in _FULL:
        return "no space is left on its disk; free some, or set HEADGATE_HOME to a folder on another disk"
    if error.errno == errno.EEXIST:
        target = f"a link to the missing folder {home.readlink()}" if home.is_symlink() else "not a folder"
        return f"it is {target}; set HEADGATE_HOME to a folder you can write to"
    return f"{error.strerror}; set HEADGATE_HOME to a folder you can write to"
