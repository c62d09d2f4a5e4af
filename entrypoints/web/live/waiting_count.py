"""The number of waiting stages beside "Waiting" in the navigation of every page."""

from collections.abc import Mapping
from time import monotonic

from application.ports.queries.change_feed import ChangeBatch
from application.ports.queries.reader import Reader
from application.queries.views.runs import RunView
from domain.runs.events import EventType
from entrypoints.web.view_models.waiting import get_waiting_stages

MAX_RUNS = 200
CACHE_SECONDS = 1.0
_TRIGGERS = frozenset({EventType.RUN_OPENED, EventType.STAGE_MOVED, EventType.RUN_MOVED, EventType.RUN_REOPENED, EventType.STAGE_DECIDED})


class WaitingCounter:
    """Count the stages that wait for a person or a machine. One per process; it reads at most once in `CACHE_SECONDS`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._counted: tuple[float, int] | None = None

    def is_affected_by(self, batch: ChangeBatch) -> bool:
        """Return whether the batch may change the count."""
        return any(event.type in _TRIGGERS for event in batch.events)

    async def render(self, is_fresh: bool) -> Mapping[str, str]:
        """Return the count as a fragment; empty for 0."""
        return {"waiting-count": str(await self.count(is_fresh) or "")}

    async def count(self, is_fresh: bool = False) -> int:
        """Return the count; `is_fresh` bypasses the cache."""
        if is_fresh or self._counted is None or monotonic() - self._counted[0] > CACHE_SECONDS:
            self.record(await self._reader.waiting_runs(MAX_RUNS))
        return self._counted[1] if self._counted else 0

    def record(self, runs: list[RunView]) -> None:
        """Cache the count of waiting runs that the caller has just read."""
        self._counted = (monotonic(), sum(len(get_waiting_stages(run)) for run in runs))
