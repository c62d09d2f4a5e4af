"""The live part around every page: the number of waiting stages, the number of open incidents, and the banner."""

from collections.abc import Mapping

from application.ports.queries.change_feed import ChangeBatch
from entrypoints.web.live.incident_summary import IncidentSummary
from entrypoints.web.live.waiting_count import WaitingCounter


class LivePageFrame:
    """Both counts and the banner."""

    def __init__(self, waiting: WaitingCounter, incidents: IncidentSummary) -> None:
        self._waiting = waiting
        self._incidents = incidents

    def is_affected_by(self, batch: ChangeBatch) -> bool:
        """Return whether the batch may change a part."""
        return self._waiting.is_affected_by(batch) or self._incidents.is_affected_by(batch)

    async def render(self, is_fresh: bool) -> Mapping[str, str]:
        """Return the fragments of both parts."""
        return {**await self._waiting.render(is_fresh), **await self._incidents.render(is_fresh)}
