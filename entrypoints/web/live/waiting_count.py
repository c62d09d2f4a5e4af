"""The frame of every page, live: how many things wait for somebody."""

from collections.abc import Mapping
from time import monotonic

from application.ports.queries.change_feed import ChangeBatch
from application.ports.queries.reader import Reader
from application.queries.views.runs import RunView
from domain.runs.events import EventType
from entrypoints.web.view_models.waiting import get_waiting_stages

MOST_RUNS = 200
KEPT_SECONDS = 1.0
_TOLD_BY = frozenset({EventType.RUN_OPENED, EventType.STAGE_MOVED, EventType.RUN_MOVED, EventType.RUN_REOPENED, EventType.STAGE_DECIDED})


class WaitingCounter:
    """One per process: however many pages are open or asked for, the store is asked once in `KEPT_SECONDS`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen: tuple[float, int] | None = None

    def concerns(self, batch: ChangeBatch) -> bool:
        return any(event.type in _TOLD_BY for event in batch.events)

    async def render(self, is_fresh: bool) -> Mapping[str, str]:
        return {"waiting-count": str(await self.count(is_fresh) or "")}

    async def count(self, is_fresh: bool = False) -> int:
        """Stages that wait for a person or a machine."""
        if is_fresh or self._seen is None or monotonic() - self._seen[0] > KEPT_SECONDS:
            self.record(await self._reader.waiting_runs(MOST_RUNS))
        return self._seen[1] if self._seen else 0

    def record(self, runs: list[RunView]) -> None:
        """What somebody else has just read."""
        self._seen = (monotonic(), sum(len(get_waiting_stages(run)) for run in runs))
