"""Stores incidents, the states of rules and the position up to which runs were judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.persistence.connection.bulk_parameters import is_storable_id, to_row
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories import incident_statements as sql
from application.ports.persistence.incidents import AlertPosition, GroupCount
from domain.alerts.incident import Incident, IncidentKind, IncidentState, Resolution
from domain.alerts.incident_entry import IncidentEntry
from domain.alerts.rule import AlertEvent
from domain.alerts.rule_state import RuleKey, RuleState, parse_outcomes, serialize_outcomes


class SqlIncidents:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def lock_position(self) -> AlertPosition | None:
        """Add the row if there is none, which happens once in the life of a database. If it is locked, adding it does nothing."""
        if rows := await self._fetch(sql.LOCK_POSITION, {}):
            return AlertPosition(rows[0].cursor)
        return AlertPosition(None) if await self._fetch(sql.ADD_POSITION, {}) else None

    async def save_position(self, cursor: str) -> None:
        self._transaction.enqueue(sql.SAVE_POSITION, new_cursor=cursor)

    async def find_states(self, keys: Collection[RuleKey]) -> Mapping[RuleKey, RuleState]:
        if not keys:
            return {}
        rows = await self._fetch(sql.FIND_STATES, {"keys": [key._asdict() for key in keys]})
        return {(state := _to_state(row)).key: state for row in rows}

    async def save_states(self, states: Sequence[RuleState]) -> None:
        rows = {state.key: {**state.key._asdict(), "outcomes": serialize_outcomes(state.outcomes)} for state in states}
        if rows:
            self._transaction.enqueue(sql.SAVE_STATES, states=list(rows.values()))

    async def delete_states(self, pipeline_id: int, kept: Collection[str] = ()) -> None:
        self._transaction.enqueue(sql.DELETE_STATES, pipeline=pipeline_id, kept=list(kept))

    async def delete_states_of_rule(self, rule_key: str) -> None:
        self._transaction.enqueue(sql.DELETE_STATES_OF_RULE, rule_key=rule_key)

    async def add(self, incidents: Sequence[Incident]) -> list[Incident]:
        if not incidents:
            return []
        rows = await self._fetch(sql.ADD, {"incidents": [to_row(each, sql.NEW_INCIDENT) for each in incidents]})
        ids = sorted(row.id for row in rows)
        return [replace(each, id=number) for each, number in zip(incidents, ids, strict=True)]

    async def save(self, incidents: Sequence[Incident]) -> None:
        rows = {each.id: to_row(each, ("id", *sql.INCIDENT_CHANGES)) for each in incidents}
        if rows:
            self._transaction.enqueue(sql.SAVE, incidents=list(rows.values()))

    async def add_entries(self, entries: Sequence[IncidentEntry]) -> None:
        if entries:
            self._transaction.enqueue(sql.ADD_ENTRIES, entries=[to_row(each, sql.NEW_ENTRY) for each in entries])
            self._transaction.enqueue(sql.THIN_REPETITIONS, ids=list({each.incident_id for each in entries}))

    async def lock(self, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        return await self._fetch_by_id(sql.LOCK, incident_ids)

    async def lock_unresolved(self, pipeline_id: int) -> Sequence[Incident]:
        return [to_incident(row) for row in await self._fetch(sql.LOCK_UNRESOLVED, {"pipeline": pipeline_id})]

    async def lock_unresolved_of_rule(self, rule_key: str) -> Sequence[Incident]:
        return [to_incident(row) for row in await self._fetch(sql.LOCK_UNRESOLVED_OF_RULE, {"rule_key": rule_key})]

    async def find(self, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        return await self._fetch_by_id(sql.FIND, incident_ids)

    async def find_unresolved(self, keys: Collection[RuleKey]) -> Mapping[RuleKey, Incident]:
        if not keys:
            return {}
        rows = await self._fetch(sql.FIND_UNRESOLVED, {"keys": [key._asdict() for key in keys]})
        return {RuleKey(row.pipeline_id, row.rule_key, row.concurrency_key): to_incident(row) for row in rows}

    async def lock_unresolved_of_channel(self, channel_id: int) -> Incident | None:
        rows = await self._fetch(sql.LOCK_UNRESOLVED_OF_CHANNEL, {"channel": channel_id})
        return to_incident(rows[0]) if rows else None

    async def count_recent_openings(self, cause: str | None, since: datetime) -> int:
        (row,) = await self._fetch(sql.COUNT_RECENT[cause is None], _get_recent(cause, since))
        return int(row.openings)

    async def find_recent_group(self, cause: str | None, since: datetime) -> int | None:
        rows = await self._fetch(sql.FIND_RECENT_GROUP[cause is None], _get_recent(cause, since))
        return int(rows[0].group_id) if rows else None

    async def list_group(self, group_id: int, limit: int) -> Sequence[Incident]:
        return [to_incident(row) for row in await self._fetch(sql.LIST_GROUP, {"group": group_id, "limit": limit})]

    async def count_group(self, group_id: int) -> GroupCount:
        (row,) = await self._fetch(sql.COUNT_GROUP, {"group": group_id})
        return GroupCount(row.total, row.unresolved)

    async def add_link_use(self, delivery_id: int, action: str, now: datetime) -> bool:
        if not is_storable_id(delivery_id):
            return False
        return bool(await self._fetch(sql.ADD_LINK_USE, {"delivery": delivery_id, "action": action, "used_at": now}))

    async def is_link_used(self, delivery_id: int, action: str) -> bool:
        if not is_storable_id(delivery_id):
            return False
        return bool(await self._fetch(sql.IS_LINK_USED, {"delivery": delivery_id, "action": action}))

    async def _fetch_by_id(self, statement: CompiledStatement, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        ids = [number for number in set(incident_ids) if is_storable_id(number)]
        return {row.id: to_incident(row) for row in await self._fetch(statement, {"ids": ids})} if ids else {}

    async def _fetch(self, statement: CompiledStatement, values: Mapping[str, Any]) -> list[Any]:
        (rows,) = await self._transaction.fetch_batch((statement, values))
        return rows


def _get_recent(cause: str | None, since: datetime) -> dict[str, Any]:
    return {"since": since} if cause is None else {"cause": cause, "since": since}


def to_incident(row: Any) -> Incident:
    """Return the incident of a row with all columns of the table."""
    same = {name: getattr(row, name) for name in _SAME}
    return Incident(
        **same,
        kind=IncidentKind(row.kind),
        event=AlertEvent(row.event) if row.event else None,
        state=IncidentState(row.state),
        resolution=Resolution(row.resolution) if row.resolution else None,
    )


_SAME = ("id", *(name for name in sql.NEW_INCIDENT if name not in ("kind", "event", "state", "resolution")))


def _to_state(row: Any) -> RuleState:
    return RuleState(RuleKey(row.pipeline_id, row.rule_key, row.concurrency_key), parse_outcomes(row.outcomes))
