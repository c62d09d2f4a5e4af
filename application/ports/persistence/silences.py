"""Silences in the store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.alerts.silence import Silence


class Silences(Protocol):
    """Silences of pipelines, of tags and of everything."""

    async def add(self, silence: Silence) -> Silence:
        """Store a new silence and return it with its id."""
        ...

    async def lock(self, silence_id: int) -> Silence | None:
        """Lock the silence until the transaction ends."""
        ...

    async def end(self, silence_id: int, now: datetime, ended_by: str | None) -> Silence | None:
        """End a silence now. Return it as it is afterwards, unchanged if it was over; None if it does not exist.

        One that has not begun ends when it would begin.
        """
        ...

    async def list_active(self, now: datetime) -> Sequence[Silence]:
        """Return the silences that have begun and are not over, oldest first."""
        ...
