"""How a process learns of what any process committed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.queries.views.events import EventView
from domain.runs.events import EventType


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Events committed since the cursor before, each once; `cursor` is where the next read goes on."""

    events: Sequence[EventView]
    cursor: str
    logs: Sequence[int] = ()
    """Ids of runs that got log lines."""


class ChangeFeed(Protocol):
    """One listener and one reader per process; viewers are served from memory."""

    async def position(self) -> str:
        """The cursor of this moment."""
        ...

    async def read(self, cursor: str, limit: int = 1_000, only: Collection[EventType] | None = None) -> ChangeBatch:
        """What was committed since the cursor, without a gap or a repeat, whatever order transactions commit in; of these types, if any
        are given. At most `limit` events: as many of them mean that there may be more.

        ValueError for a cursor this feed did not make.
        """
        ...

    async def announce(self, *, log_run_ids: Sequence[int] = ()) -> None:
        """Wake every process's `wait`, after a commit. Losing it delays, never loses: readers also poll."""
        ...

    async def wait(self, seconds: float) -> Sequence[int]:
        """Return when something was announced or `seconds` have passed; the run ids whose logs grew."""
        ...
