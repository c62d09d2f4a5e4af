"""The port to named secrets. They are read where a stage runs, so that none passes through the web or the database."""

from collections.abc import Iterable, Mapping
from typing import Protocol


class SecretUnavailable(Exception):
    """A secret cannot be given to a stage; the message is a sentence that names it and never holds a value."""


class Secrets(Protocol):
    """A place that keeps secrets by name."""

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        """Every one of these secrets as it is now. Raises SecretUnavailable for the first that is not there."""
        ...
