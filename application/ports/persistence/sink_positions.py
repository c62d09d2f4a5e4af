"""How far each event sink has been served."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SinkPosition:
    """How far an audience was told: a cursor of the change feed, None before its first. `tries` counts failures since the last success."""

    cursor: str | None = None
    tries: int = 0
    is_free: bool = True
    """False while another teller has it, or it is put off."""


class SinkPositions(Protocol):
    """How far each audience was told, for all processes. One teller at a time holds an audience, for a time."""

    async def find(self, audience: str) -> SinkPosition:
        """Where it is now, not locked; a free one without a cursor when nobody has told it anything."""
        ...

    async def take(self, audience: str, teller: str, seconds: float) -> SinkPosition | None:
        """Hold the audience for so many seconds by the store's clock; None when it is not free."""
        ...

    async def move(self, audience: str, teller: str, cursor: str) -> bool:
        """Everything up to the cursor was told: keep that, forget failures, let go. False when another teller holds it by now."""
        ...

    async def postpone(self, audience: str, teller: str, error: str, delay: float) -> None:
        """Count a failure, keep its sentence, free it after `delay` seconds; nothing when another teller holds it by now."""
        ...
