"""The open incidents that every page shows: their number in the tab's title, and a banner for channels that do not deliver."""

from collections.abc import Mapping
from time import monotonic

from application.ports.queries.change_feed import ChangeBatch
from application.ports.queries.reader import Reader
from application.queries.views.alerts import OpenIncidentsView
from domain.site_events import SiteEventType
from entrypoints.web.shared_read import SharedRead
from entrypoints.web.templating import render

LISTED = 8
"""Open incidents that the board lists."""
CACHE_SECONDS = 1.0
_TRIGGERS = frozenset({SiteEventType.INCIDENT_CHANGED, SiteEventType.CHANNEL_CHANGED})


class IncidentSummary:
    """The number of open incidents and the first of them. One per process; it reads at most once in `CACHE_SECONDS`."""

    def __init__(self, reader: Reader) -> None:
        self._shared = SharedRead(lambda: reader.open_incidents(LISTED))
        self._loaded: tuple[float, OpenIncidentsView] | None = None

    def is_affected_by(self, batch: ChangeBatch) -> bool:
        """Return whether the batch may change the summary."""
        return any(event.type in _TRIGGERS for event in batch.site_events)

    async def render(self, is_fresh: bool) -> Mapping[str, str]:
        """Return the number, empty for 0, and the banner, empty without a broken channel, as fragments."""
        found = await self.load(is_fresh)
        banner = str(render("live/alerts/banner.html", channels=found.broken_channels)) if found.broken_channels else ""
        return {"incident-count": str(found.count or ""), "banner": banner}

    async def load(self, is_fresh: bool = False) -> OpenIncidentsView:
        """Return the summary; `is_fresh` bypasses the cache."""
        if is_fresh or self._loaded is None or monotonic() - self._loaded[0] > CACHE_SECONDS:
            found = await self._shared.load()
            self._loaded = (monotonic(), found)
            return found
        return self._loaded[1]

    def forget(self) -> None:
        """Have the next page read the summary again, because this process has changed an incident."""
        self._loaded = None
