"""Free disk space."""

from typing import Protocol


class DiskSpace(Protocol):
    def shortage(self) -> str | None:
        """Return a sentence about the missing disk space; None if there is enough.

        The measurement is cached for a few seconds. Never raises.
        """
        ...

    def free(self) -> int | None:
        """Return the free bytes, None if unknown. Cached like `shortage`; never raises."""
        ...
