"""Named secrets from a private file and from the worker's environment."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from application.ports.system.secrets import MIN_SECRET_LENGTH, SecretUnavailable

ENVIRONMENT_PREFIX = "HEADGATE_SECRET_"


class LocalSecretStore:
    """Reads `NAME=value` lines of `file`, which override the `HEADGATE_SECRET_<NAME>` variables of `environment`.

    Blank lines and lines that start with `#` are skipped. The file is read on each call, so a rotated secret needs no restart.
    """

    def __init__(self, file: Path | None, environment: Mapping[str, str]) -> None:
        self._file = file
        self._variables = {
            name.removeprefix(ENVIRONMENT_PREFIX): value for name, value in environment.items() if name.startswith(ENVIRONMENT_PREFIX)
        }

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        secrets = self._variables | (read_secrets_file(self._file) if self._file is not None else {})
        return {name: _get_usable_secret(name, secrets) for name in wanted}


def _get_usable_secret(name: str, secrets: Mapping[str, str]) -> str:
    value = secrets.get(name) or secrets.get(name.upper())
    if not value:
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
        raise SecretUnavailable(f"The worker has no secret named {name}: add it to HEADGATE_SECRETS_FILE, or set {variable}.")
    if len(value) < MIN_SECRET_LENGTH:
        raise SecretUnavailable(f"The secret {name} is shorter than {MIN_SECRET_LENGTH} characters, so it cannot be masked in logs.")
    if "\0" in value:
        raise SecretUnavailable(f"The secret {name} contains a NUL character, which an environment variable cannot hold.")
    return value


def read_secrets_file(file: Path) -> dict[str, str]:
    """Return the file's secrets. Raise SecretUnavailable if it is missing, or if other users can read or write it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SecretUnavailable(f"The secrets file {file} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, encoding="utf-8") as opened:
        # Check the open file, not the path, so that the file that is checked is the one that is read.
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SecretUnavailable(f"The secrets file {file} is not a regular file.")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise SecretUnavailable(f"Other users can access the secrets file {file}: run chmod 600 on it.")
        if status.st_uid not in (os.geteuid(), 0):
            raise SecretUnavailable(f"The secrets file {file} belongs to another user.")
        try:
            return _parse(opened.read(), file)
        except UnicodeDecodeError:
            raise SecretUnavailable(f"The secrets file {file} is not UTF-8.") from None


def _parse(text: str, file: Path) -> dict[str, str]:
    secrets: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise SecretUnavailable(f"Line {number} of the secrets file {file} is not NAME=value.")
        secrets[name.strip()] = value.strip()
    return secrets
