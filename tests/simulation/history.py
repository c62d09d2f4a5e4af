"""A history of a simulation, in order, to be compared, hashed and read."""

import hashlib
from typing import Any

Entry = tuple[float, str, tuple[Any, ...]]


class History:
    """Entries of (virtual seconds, what, details)."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, at: float, what: str, *details: Any) -> None:
        self.entries.append((at, what, details))

    def digest(self) -> str:
        """Return a hash that is the same for equal histories in every process."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()

    def lines(self) -> list[str]:
        return [f"{at:9.3f}  {what:<22} {' '.join(str(detail) for detail in details)}" for at, what, details in self.entries]

    def __len__(self) -> int:
        return len(self.entries)
