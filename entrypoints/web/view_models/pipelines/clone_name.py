"""The name that a clone is offered."""

from typing import Final

MAX_LENGTH: Final = 100
_SUFFIX: Final = "-copy"


def get_clone_name(name: str) -> str:
    """Return the name with a suffix, cut so that it is valid."""
    return f"{name[: MAX_LENGTH - len(_SUFFIX)]}{_SUFFIX}"
