"""Room on the disk."""

from typing import Protocol


class DiskSpace(Protocol):
    def shortage(self) -> str | None:
        """A sentence that says what is lacking, when there is less room than has to be left; None when there is enough.

        Cheap: what was measured is believed for a few seconds. Never raises.
        """
        ...

    def free(self) -> int | None:
        """Bytes that may still be written; None when nobody could measure. As cheap as `shortage`, and never raises."""
        ...
