"""Site events in the store."""

from collections.abc import Sequence
from typing import Protocol

from domain.site_events import SiteEvent


class SiteEvents(Protocol):
    """Events that belong to no run. The change feed delivers them after the commit."""

    async def add(self, events: Sequence[SiteEvent]) -> None:
        """Store the events. The feed delivers the events of one transaction in this order."""
        ...
