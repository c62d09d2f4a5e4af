"""Stores site events, which the change feed delivers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.site_events import site_event
from domain.site_events import SiteEvent

_COLUMNS = ("type", "at", "pipeline_id", "actor", "data")
_EVENTS = rows_from_json("site_events", site_event, _COLUMNS)
_ADD = CompiledStatement(insert(site_event).from_select(_COLUMNS, select(*_EVENTS.c), include_defaults=False))


class SqlSiteEvents:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, events: Sequence[SiteEvent]) -> None:
        rows = [
            {
                "type": event.type.value,
                "at": event.at.isoformat(),
                "pipeline_id": event.pipeline_id,
                "actor": event.actor,
                "data": dict(event.data),
            }
            for event in events
        ]
        if rows:
            self._transaction.enqueue(_ADD, site_events=rows)
