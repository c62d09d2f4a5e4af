"""Incidents, rule states and the position of the judge in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from application.ports.persistence.incidents import AlertPosition, GroupCount
from domain.alerts.incident import Incident, IncidentKind
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.rule_state import RuleKey, RuleState
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction

POSITION = "alert position"
_OPENING = ("kind", "opened_at", "pipeline_id", "channel_id", "rule_key", "concurrency_key", "event", "cause", "first_run_id")


class FakeIncidents:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lock_position(self) -> AlertPosition | None:
        tx = await self._transaction.begin_statement()
        if tx.is_locked_elsewhere(POSITION):
            return None
        await tx.lock(POSITION)
        return AlertPosition(tx.alert_positions.get(1))

    async def save_position(self, cursor: str) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock(POSITION)
        tx.alert_positions[1] = str(values.text(cursor))

    async def find_states(self, keys: Collection[RuleKey]) -> Mapping[RuleKey, RuleState]:
        tx = await self._transaction.begin_statement()
        return {key: tx.rule_states[key] for key in keys if key in tx.rule_states}

    async def save_states(self, states: Sequence[RuleState]) -> None:
        tx = await self._transaction.begin_statement()
        for state in states:
            values.text(state.key.rule_key)
            values.text(state.key.concurrency_key)
            tx.rule_states[state.key] = state

    async def delete_states(self, pipeline_id: int, kept: Collection[str] = ()) -> None:
        await self._delete_states(lambda key: key.pipeline_id == pipeline_id and key.rule_key not in kept)

    async def delete_states_of_rule(self, rule_key: str) -> None:
        await self._delete_states(lambda key: key.rule_key == rule_key)

    async def _delete_states(self, is_wanted: Callable[[RuleKey], bool]) -> None:
        tx = await self._transaction.begin_statement()
        for key in list(tx.rule_states):
            if is_wanted(key):
                del tx.rule_states[key]

    async def add(self, incidents: Sequence[Incident]) -> list[Incident]:
        tx = await self._transaction.begin_statement()
        stored, taken = [], {_get_key(row) for row in self._unresolved()}
        for incident in incidents:
            if not incident.is_resolved:
                if _get_key(incident) in taken:
                    raise tx.abort(values.RowRejected("there is an unresolved incident of the same rule or channel"))
                taken.add(_get_key(incident))
            added = replace(_check(incident), id=tx.store.next_id("incident"))
            await tx.lock("incident", added.id)
            tx.incidents[added.id] = added
            stored.append(added)
        return stored

    async def save(self, incidents: Sequence[Incident]) -> None:
        tx = await self._transaction.begin_statement()
        for incident in incidents:
            tx.require_lock("incident", incident.id)
            row = tx.incidents[incident.id]
            tx.incidents[incident.id] = replace(_check(incident), **{name: getattr(row, name) for name in _OPENING})

    async def add_entries(self, entries: Sequence[IncidentEntry]) -> None:
        tx = await self._transaction.begin_statement()
        for entry in entries:
            values.text(entry.actor)
            number = tx.store.next_id("incident_entry")
            tx.incident_entries[number] = replace(entry, data=values.document(dict(entry.data)))
        for incident_id in {entry.incident_id for entry in entries}:
            for number in self._repetitions(incident_id)[1:-1]:
                del tx.incident_entries[number]

    async def lock(self, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        tx = await self._transaction.begin_statement()
        for incident_id in sorted(incident_ids):
            if incident_id in tx.incidents:
                await tx.lock("incident", incident_id)
        return {id: tx.incidents[id] for id in sorted(incident_ids) if id in tx.incidents}

    async def lock_unresolved(self, pipeline_id: int) -> Sequence[Incident]:
        await self._transaction.begin_statement()
        return await self._lock_unresolved(lambda row: row.pipeline_id == pipeline_id)

    async def lock_unresolved_of_rule(self, rule_key: str) -> Sequence[Incident]:
        await self._transaction.begin_statement()
        return await self._lock_unresolved(lambda row: row.rule_key == rule_key)

    async def find(self, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        tx = await self._transaction.begin_statement()
        return {id: tx.incidents[id] for id in incident_ids if id in tx.incidents}

    async def find_unresolved(self, keys: Collection[RuleKey]) -> Mapping[RuleKey, Incident]:
        await self._transaction.begin_statement()
        return {key: row for row in self._unresolved() if (key := _get_key(row)) in keys and isinstance(key, RuleKey)}

    async def lock_unresolved_of_channel(self, channel_id: int) -> Incident | None:
        await self._transaction.begin_statement()
        return next(iter(await self._lock_unresolved(lambda row: row.channel_id == channel_id)), None)

    async def count_recent_openings(self, cause: str | None, since: datetime) -> int:
        await self._transaction.begin_statement()
        return len(self._list_recent(cause, since))

    async def find_recent_group(self, cause: str | None, since: datetime) -> int | None:
        await self._transaction.begin_statement()
        return next((row.group_id for row in self._list_recent(cause, since)[::-1] if row.group_id is not None), None)

    async def count_group(self, group_id: int) -> GroupCount:
        tx = await self._transaction.begin_statement()
        rows = [row for row in tx.incidents.values() if row.group_id == group_id]
        return GroupCount(len(rows), sum(not row.is_resolved for row in rows))

    async def list_group(self, group_id: int, limit: int) -> Sequence[Incident]:
        tx = await self._transaction.begin_statement()
        return [row for _, row in sorted(tx.incidents.items()) if row.group_id == group_id][:limit]

    async def is_link_used(self, delivery_id: int, action: str) -> bool:
        tx = await self._transaction.begin_statement()
        return (delivery_id, action) in tx.link_uses

    async def add_link_use(self, delivery_id: int, action: str, now: datetime) -> bool:
        tx = await self._transaction.begin_statement()
        values.text(action)
        await tx.lock("link use", delivery_id, action)
        if delivery_id not in tx.deliveries or (delivery_id, action) in tx.link_uses:
            return False
        tx.link_uses[delivery_id, action] = now
        return True

    async def _lock_unresolved(self, is_wanted: Callable[[Incident], bool]) -> list[Incident]:
        tx = self._transaction
        found = []
        for row in self._unresolved():
            if is_wanted(row):
                await tx.lock("incident", row.id)
                if not tx.incidents[row.id].is_resolved:
                    found.append(tx.incidents[row.id])
        return found

    def _unresolved(self) -> list[Incident]:
        return [row for _, row in sorted(self._transaction.incidents.items()) if row.resolved_at is None]

    def _list_recent(self, cause: str | None, since: datetime) -> list[Incident]:
        return [row for _, row in sorted(self._transaction.incidents.items()) if cause in (None, row.cause) and row.opened_at >= since]

    def _repetitions(self, incident_id: int) -> list[int]:
        entries = sorted(self._transaction.incident_entries.items())
        return [id for id, entry in entries if entry.incident_id == incident_id and entry.kind is IncidentEntryKind.REPEATED]


def _get_key(incident: Incident) -> RuleKey | int | None:
    if incident.kind is IncidentKind.CHANNEL or incident.pipeline_id is None:
        return incident.channel_id
    return RuleKey(incident.pipeline_id, incident.rule_key, incident.concurrency_key)


def _check(incident: Incident) -> Incident:
    for at in (incident.opened_at, incident.last_seen_at, incident.acknowledged_at, incident.snoozed_until, incident.resolved_at):
        values.moment(at)
    for text in (incident.summary, incident.cause, incident.acknowledged_by, incident.resolved_by, incident.concurrency_key):
        values.text(text)
    return incident
