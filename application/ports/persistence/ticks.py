"""Ticks of schedules in the store."""

from collections.abc import Sequence
from typing import Protocol

from domain.schedules.tick import Tick


class Ticks(Protocol):
    """The ledger of ticks: one row for each tick that was decided or waits. The key is the schedule and the nominal time."""

    async def add(self, ticks: Sequence[Tick]) -> None:
        """Store new ticks. The transaction fails if one is stored already."""
        ...

    async def save(self, ticks: Sequence[Tick]) -> None:
        """Store the state, run, reason, message and decision time of ticks that are stored already."""
        ...

    async def list_open(self, schedule_ids: Sequence[int]) -> list[Tick]:
        """Return the ticks that may still change, oldest first: those that wait, and those from the schedule's next tick on."""
        ...
