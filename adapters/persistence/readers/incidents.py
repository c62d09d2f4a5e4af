"""Reads incidents with their timelines and deliveries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, Integer, Select, Text, bindparam, cast, func, literal_column, or_, select, text, true

from adapters.persistence.connection.bulk_parameters import filter_key_range, is_storable_id
from adapters.persistence.connection.clock import NOW
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.readers.deliveries import DELIVERIES, to_delivery_view
from adapters.persistence.repositories.incidents import to_incident
from adapters.persistence.tables.channels import channel
from adapters.persistence.tables.deliveries import delivery
from adapters.persistence.tables.incidents import IS_UNRESOLVED, incident, incident_entry
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline
from adapters.persistence.tables.runs import run
from application.queries.views.alerts import IncidentDetailView, IncidentEntryView, IncidentView, OpenIncidentsView
from domain.alerts.incident import IncidentState
from domain.alerts.incident_entry import IncidentEntryKind

MAX_DETAILS = 200
"""The most entries of a timeline, and the most deliveries, that are read with an incident."""
_first, _last = run.alias("first_run"), run.alias("last_run")
_IS_KEPT = or_(incident.c.pipeline_id.is_(None), NOT_DELETED)
_UNRESOLVED: Any = text(f"incident.{IS_UNRESOLVED}")
_INCIDENTS = (
    select(
        *incident.c,
        pipeline.c.name.label("pipeline"),
        channel.c.name.label("channel"),
        _first.c.number.label("first_run_number"),
        _last.c.number.label("last_run_number"),
    )
    .select_from(incident)
    .outerjoin(pipeline, pipeline.c.id == incident.c.pipeline_id)
    .outerjoin(channel, channel.c.id == incident.c.channel_id)
    .outerjoin(_first, _first.c.id == incident.c.first_run_id)
    .outerjoin(_last, _last.c.id == incident.c.last_run_id)
    .where(_IS_KEPT)
)
_NEWEST_FIRST = incident.c.id.desc()


def _build_open() -> CompiledStatement:
    """Return one row for each of the first open incidents, or a single row without one, with the counts in each."""
    is_open = or_(incident.c.state == IncidentState.OPEN.value, incident.c.snoozed_until <= NOW)
    counted = select(func.count().label("count")).select_from(incident.outerjoin(pipeline, pipeline.c.id == incident.c.pipeline_id))
    total = counted.where(_IS_KEPT, _UNRESOLVED, is_open).scalar_subquery()
    names = (
        select(channel.c.name)
        .join(incident, incident.c.channel_id == channel.c.id)
        .where(_UNRESOLVED, channel.c.deleted_at.is_(None))
        .order_by(channel.c.name)
    )
    broken = cast(func.array(names.scalar_subquery()), ARRAY(Text))
    counts = select(total.label("open_count"), broken.label("broken_channels")).subquery("counts")
    first = _INCIDENTS.where(_UNRESOLVED, is_open).order_by(_NEWEST_FIRST).limit(bindparam("limit", type_=Integer)).subquery("first")
    joined = counts.outerjoin(first, true())
    return CompiledStatement(select(*counts.c, *first.c).select_from(joined).order_by(literal_column("id").desc()))


_OPEN = _build_open()


class IncidentReader:
    """Reads incidents within one transaction. Those of pipelines that are marked as deleted are left out."""

    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def page(self, limit: int, states: Collection[IncidentState], pipeline_id: int | None, before: int | None) -> list[IncidentView]:
        if pipeline_id is not None and not is_storable_id(pipeline_id):
            return []
        query = filter_key_range(_INCIDENTS, incident.c.id, None, None if before is None else min(before, 2**63 - 1))
        if pipeline_id is not None:
            query = query.where(incident.c.pipeline_id == pipeline_id)
        if states:
            query = query.where(incident.c.state.in_([state.value for state in states]))
            if IncidentState.RESOLVED not in states:
                query = query.where(_UNRESOLVED)
        return [to_incident_view(row) for row in await self._fetch(query.order_by(_NEWEST_FIRST).limit(limit))]

    async def find(self, incident_id: int) -> IncidentDetailView | None:
        if not is_storable_id(incident_id):
            return None
        rows = await self._fetch(_INCIDENTS.where(incident.c.id == incident_id))
        if not rows:
            return None
        of_incident = incident_entry.c.incident_id == incident_id
        entries = await self._fetch(select(incident_entry).where(of_incident).order_by(incident_entry.c.id).limit(MAX_DETAILS))
        sent = await self._fetch(DELIVERIES.where(delivery.c.incident_id == incident_id).order_by(delivery.c.id).limit(MAX_DETAILS))
        timeline = [IncidentEntryView(row.at, IncidentEntryKind(row.kind), row.actor, row.data) for row in entries]
        return IncidentDetailView(to_incident_view(rows[0]), timeline, [to_delivery_view(row) for row in sent])

    async def open(self, limit: int) -> OpenIncidentsView:
        (rows,) = await self._transaction.fetch_batch((_OPEN, {"limit": limit}))
        first = [to_incident_view(row) for row in rows if row.id is not None]
        return OpenIncidentsView(rows[0].open_count, first, rows[0].broken_channels)

    async def of_run(self, run_id: int, limit: int) -> list[IncidentView]:
        if not is_storable_id(run_id):
            return []
        owner = select(run.c.pipeline_id).where(run.c.id == run_id).scalar_subquery()
        lasted = (incident.c.pipeline_id == owner, incident.c.first_run_id <= run_id, incident.c.last_run_id >= run_id)
        return [to_incident_view(row) for row in await self._fetch(_INCIDENTS.where(*lasted).order_by(_NEWEST_FIRST).limit(limit))]

    async def _fetch(self, query: Select[Any]) -> list[Any]:
        return list((await self._transaction.execute(query)).all())


def to_incident_view(row: Any) -> IncidentView:
    """Return the view of a row with the columns of the table and the names."""
    found = to_incident(row)
    return IncidentView(
        id=found.id,
        kind=found.kind,
        pipeline_id=found.pipeline_id,
        pipeline=row.pipeline,
        channel=row.channel,
        rule=found.rule_key,
        concurrency_key=found.concurrency_key,
        event=found.event,
        state=found.state,
        summary=found.summary,
        opened_at=found.opened_at,
        last_seen_at=found.last_seen_at,
        first_run_id=found.first_run_id,
        first_run_number=row.first_run_number,
        last_run_id=found.last_run_id,
        last_run_number=row.last_run_number,
        repeats=found.repeats,
        unstable=found.unstable,
        acknowledged_by=found.acknowledged_by,
        acknowledged_at=found.acknowledged_at,
        snoozed_until=found.snoozed_until,
        resolved_at=found.resolved_at,
        resolved_by=found.resolved_by,
        resolution=found.resolution,
        group_id=found.group_id,
    )
