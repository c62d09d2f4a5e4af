"""Runs in the store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from application.ports.persistence.run_facts import RunFacts
from domain.runs.run import Run

RECENT_RUNS: Final = 10


@dataclass(frozen=True, slots=True)
class RecentRuns:
    """Ids of a pipeline's runs: the unfinished ones, oldest first, and the newest RECENT_RUNS, newest first."""

    active: Sequence[int] = ()
    newest: Sequence[int] = ()

    @property
    def latest(self) -> int | None:
        return self.newest[0] if self.newest else None


class Runs(Protocol):
    async def next_numbers(self, pipeline_ids: Collection[int]) -> Mapping[int, int]:
        """Return the number of the next run of each pipeline. The caller has locked the pipelines."""
        ...

    async def find_unfinished(self, schedule_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
        """Return the ids of the unfinished runs of each schedule, oldest first."""
        ...

    async def add_all(self, runs: Sequence[Run]) -> None:
        """Store new runs as `add` does. Many runs cost as many round trips as one."""
        ...

    async def add(self, run: Run) -> int:
        """Store a new run with its stages, events, slots and dispatch request, if any. Sets and returns its id."""
        ...

    async def lock(self, ids: Sequence[int]) -> dict[int, Run]:
        """Lock the rows in ascending id and return the runs that exist.

        The stages are read after the locks, so that they include what other transactions have just committed.
        """
        ...

    async def save(self, *runs: Run) -> None:
        """Store the changes since `lock`: the runs, their attempts, events, dispatch requests and slots.

        Clears `new_events`, `new_dispatch` and `slot_changes`. Many runs cost as many round trips as one.
        """
        ...

    async def find_facts(self, ids: Collection[int], with_parameters: Collection[int] = ()) -> Mapping[int, RunFacts]:
        """Return what alerts say about the runs that exist, without locks. Only runs of the given pipelines have parameters."""
        ...

    async def find_recent(self, pipeline_ids: Collection[int]) -> Mapping[int, RecentRuns]:
        """Return the unfinished and the newest runs of each pipeline."""
        ...

    async def find_due(self, now: datetime, limit: int, *, with_deadlines: bool = True) -> list[int]:
        """Return runs for which `Run.process_due` has something to do at `now`, with deadlines or without."""
        ...
