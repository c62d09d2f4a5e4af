"""The feed of everything that all processes commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.queries.views.events import EventView, SiteEventView
from domain.runs.events import EventType


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Events of runs and site events committed since the previous cursor, each once.

    `cursor` is the start of the next read, `logs` are the ids of runs with new log lines. Site events precede the events of runs.
    """

    events: Sequence[EventView]
    cursor: str
    logs: Sequence[int] = ()
    site_events: Sequence[SiteEventView] = ()

    @property
    def event_count(self) -> int:
        """The number of events of both kinds."""
        return len(self.events) + len(self.site_events)


class ChangeFeed(Protocol):
    """The feed of one process. It has one listener and one reader; viewers are served from memory."""

    async def position(self) -> str:
        """Return the cursor of this moment."""
        ...

    async def read(self, cursor: str, limit: int = 1_000, only: Collection[EventType] | None = None) -> ChangeBatch:
        """Return the events committed since the cursor, without gaps or repeats, in whatever order transactions commit.

        `only` selects the types of run events; site events are always included. A batch of `limit` events of both kinds means that
        there may be more. Raises ValueError for an unknown cursor.
        """
        ...

    async def announce(self, *, log_run_ids: Sequence[int] = ()) -> None:
        """Wake the `wait` of every process after a commit. A lost notification only causes a delay, since readers also poll."""
        ...

    async def wait(self, seconds: float) -> Sequence[int]:
        """Wait for a notification, for at most `seconds`. Returns the ids of runs with new log lines."""
        ...
