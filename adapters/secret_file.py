"""Secrets that Headgate generates once and keeps in its home folder."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

MIN_SECRET_LENGTH = 32
_RECREATE = "restore it, or remove it: Headgate then creates a new one, and existing tokens become invalid"


class SecretFileError(Exception):
    """A secret's file cannot be used. The message is one line that names the file and what to do."""


def read_or_create_secret(path: Path, size: int = 48, repair: str = _RECREATE) -> str:
    """Return the secret in the file. Create the file with a secret of `size` random bytes, readable by its owner only, if it is missing.

    Safe with concurrent callers: all of them return the secret of the one that created the file. Raise SecretFileError if the file
    cannot be read or written, is not whole, or can be accessed by other users. `repair` says what to do about a file that is not whole.
    """
    created = secrets.token_urlsafe(size)
    try:
        if not os.path.lexists(path):
            _create(path, created)
        content = _read(path)
    except OSError as error:
        reason = f"{error.strerror}; set HEADGATE_HOME to a folder that this user can read and write, with space left"
        raise SecretFileError(f"The file {path} cannot be read or created: {reason}.") from None
    text = content.decode("ascii", "replace").strip()
    # Files of release 0.2 have no newline at the end, but always the same length.
    is_whole = content.endswith(b"\n") or len(text) == len(created)
    if not is_whole or len(text) < MIN_SECRET_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise SecretFileError(f"The file {path} must contain one secret of at least {MIN_SECRET_LENGTH} characters on one line: {repair}.")
    return text


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise SecretFileError(f"{path} is not a regular file: remove it.")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        # Check the open file, not the path, so that the file that is checked is the one that is read.
        status = os.fstat(file.fileno())
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise SecretFileError(f"Other users can access the file {path}: run chmod 600 on it.")
        return file.read(4_096)


def _create(path: Path, text: str) -> None:
    """Write the file whole or not at all: a crash leaves at most a draft beside it."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)  # unlike a rename, it does not replace the file of a concurrent caller
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
