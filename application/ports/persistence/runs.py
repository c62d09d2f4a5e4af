"""Runs in the store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.runs.run import Run


class Runs(Protocol):
    async def next_number(self, pipeline_id: int) -> int:
        """The number the pipeline's next run gets; the pipeline's row is locked already."""
        ...

    async def add(self, run: Run) -> int:
        """Store a new run with its stages, events and, when it asks for one, its dispatch request; set and return its id."""
        ...

    async def lock(self, ids: Sequence[int]) -> dict[int, Run]:
        """Load runs, their rows locked in ascending id; ids that do not exist are left out.

        Locks first, reads the stages in a later statement, so that what another transaction just committed is seen.
        """
        ...

    async def save(self, *runs: Run) -> None:
        """Store what changed since `lock`: the runs, their attempts, events and dispatch requests. Many cost what one costs.

        Clears `new_events` and `new_dispatch`.
        """
        ...

    async def active_ids(self, pipeline_ids: Collection[int]) -> Mapping[int, list[int]]:
        """Each pipeline's runs that are not over, oldest first; a list for every pipeline asked for."""
        ...

    async def latest_id(self, pipeline_id: int) -> int | None: ...

    async def find_due(self, now: datetime, limit: int) -> list[int]:
        """Runs for which `wake_due` has something to do at `now` (a retry that is due, a deadline that passed)."""
        ...
