"""Site events in memory."""

from collections.abc import Sequence

from application.queries.views.events import SiteEventView
from domain.site_events import SiteEvent
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction


class FakeSiteEvents:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, events: Sequence[SiteEvent]) -> None:
        tx = await self._transaction.begin_statement()
        for event in events:
            values.text(event.actor)
            number = tx.store.next_id("site_event")
            data = values.document(dict(event.data))
            tx.site_events[number] = SiteEventView(number, event.type, event.at, event.pipeline_id, event.actor, data)
