"""Named secrets from a file that only its owner can read, and from the environment of the worker."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from application.ports.system.secrets import MIN_SECRET_LENGTH, SecretUnavailable

ENVIRONMENT_PREFIX = "HEADGATE_SECRET_"


class LocalSecretStore:
    """`NAME=value` lines of `file` (blank lines and `#` are skipped), over `HEADGATE_SECRET_<NAME>` of `environment`.

    The file is read anew each time, so that a rotated secret needs no restart.
    """

    def __init__(self, file: Path | None, environment: Mapping[str, str]) -> None:
        self._file = file
        self._variables = {
            name.removeprefix(ENVIRONMENT_PREFIX): value for name, value in environment.items() if name.startswith(ENVIRONMENT_PREFIX)
        }

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        """Raises SecretUnavailable."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        known = self._variables | (read_secrets_file(self._file) if self._file is not None else {})
        return {name: _usable(name, known) for name in wanted}


def _usable(name: str, known: Mapping[str, str]) -> str:
    value = known.get(name) or known.get(name.upper())
    if not value:
        raise SecretUnavailable(
            f"The worker has no secret named {name}: add it to HEADGATE_SECRETS_FILE, or set {ENVIRONMENT_PREFIX}{name.upper()}."
        )
    if len(value) < MIN_SECRET_LENGTH:
        raise SecretUnavailable(f"The secret {name} is shorter than {MIN_SECRET_LENGTH} characters, so it could not be hidden in logs.")
    if "\0" in value:
        raise SecretUnavailable(f"The secret {name} holds a NUL character, which no environment can.")
    return value


def read_secrets_file(file: Path) -> dict[str, str]:
    """The file's secrets. Raises SecretUnavailable when it is not there, or others than its owner can read or write it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as failure:
        raise SecretUnavailable(f"The secrets file {file} cannot be read: {failure.strerror}.") from None
    with os.fdopen(descriptor, encoding="utf-8") as opened:
        # Of the open file, not of its path: what was checked is what is read.
        about = os.fstat(opened.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise SecretUnavailable(f"The secrets file {file} is not a regular file.")
        if stat.S_IMODE(about.st_mode) & 0o077:
            raise SecretUnavailable(f"The secrets file {file} is open to others: run chmod 600 on it.")
        if about.st_uid not in (os.geteuid(), 0):
            raise SecretUnavailable(f"The secrets file {file} belongs to another user.")
        try:
            return _parsed(opened.read(), file)
        except UnicodeDecodeError:
            raise SecretUnavailable(f"The secrets file {file} is not UTF-8.") from None


def _parsed(text: str, file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise SecretUnavailable(f"Line {number} of the secrets file {file} is not NAME=value.")
        found[name.strip()] = value.strip()
    return found
