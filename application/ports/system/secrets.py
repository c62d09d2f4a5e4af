"""The port to named secrets. They are read where a stage runs, so that none passes through the web or the database."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

MIN_SECRET_LENGTH: Final = 8
"""Characters. A shorter one could not be masked without blotting out ordinary words, so no stage is given it."""


class SecretUnavailable(Exception):
    """A secret cannot be given to a stage; the message is a sentence that names it and never holds a value."""


class Secrets(Protocol):
    """A place that keeps secrets by name."""

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        """Every one of these secrets as it is now, under the names as asked; `name` finds what is kept as `NAME` too.

        Raises SecretUnavailable for one that is not there or empty, is shorter than MIN_SECRET_LENGTH, or holds a NUL.
        """
        ...
