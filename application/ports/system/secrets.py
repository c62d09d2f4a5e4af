"""Secrets by name. Workers read them where a stage runs, so that no secret passes through the web process or the database."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

MIN_SECRET_LENGTH: Final = 8
"""Minimum number of characters. Masking a shorter secret in logs would also mask ordinary words."""


class SecretUnavailable(Exception):
    """A secret that a stage needs cannot be read. The message names it and never contains its value."""


class Secrets(Protocol):
    """A store of named secrets."""

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return the present values of all these secrets by the requested names. The name `name` also finds the secret `NAME`.

        Raises SecretUnavailable if a secret is missing or empty, shorter than MIN_SECRET_LENGTH, or contains a NUL.
        """
        ...
