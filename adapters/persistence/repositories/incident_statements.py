"""Statements of incidents, their timelines and the states of rules."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, Text, bindparam, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.elements import ColumnElement

from adapters.persistence.connection.bulk_parameters import is_any_of, rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.deliveries import delivery, delivery_link_use
from adapters.persistence.tables.incidents import (
    IS_UNRESOLVED,
    THE_POSITION,
    alert_position,
    alert_rule_state,
    incident,
    incident_entry,
)
from domain.alerts.incident_entry import IncidentEntryKind

NEW_INCIDENT: Final = tuple(column.name for column in incident.c if column.name != "id")
INCIDENT_CHANGES: Final = (
    "state",
    "summary",
    "last_run_id",
    "repeats",
    "last_seen_at",
    "unstable",
    "acknowledged_by",
    "acknowledged_at",
    "snoozed_until",
    "resolved_at",
    "resolved_by",
    "resolution",
    "group_id",
)
STATE_KEY: Final = ("pipeline_id", "rule_key", "concurrency_key")
STATE_COLUMNS: Final = (*STATE_KEY, "outcomes")
NEW_ENTRY: Final = ("incident_id", "at", "kind", "actor", "data")
_UNRESOLVED: ColumnElement[bool] = text(f"incident.{IS_UNRESOLVED}")  # type: ignore[assignment]
_CAUSE, _SINCE = bindparam("cause", type_=Text), bindparam("since", type_=DateTime(timezone=True))
_PIPELINE, _CHANNEL, _GROUP = (bindparam(name, type_=BigInteger) for name in ("pipeline", "channel", "group"))
_IS_RECENT = {True: (incident.c.opened_at >= _SINCE,), False: (incident.c.cause == _CAUSE, incident.c.opened_at >= _SINCE)}


def _build_save_states() -> CompiledStatement:
    rows = rows_from_json("states", alert_rule_state, STATE_COLUMNS)
    new = upsert(alert_rule_state).from_select(STATE_COLUMNS, select(*rows.c), include_defaults=False)
    replaced = {"outcomes": new.excluded["outcomes"]}
    return CompiledStatement(new.on_conflict_do_update(index_elements=STATE_KEY, set_=replaced))


def _build_find_states() -> CompiledStatement:
    keys = rows_from_json("keys", alert_rule_state, STATE_KEY)
    same = [alert_rule_state.c[name] == keys.c[name] for name in STATE_KEY]
    return CompiledStatement(select(alert_rule_state).select_from(keys.join(alert_rule_state, _all(same))))


def _build_find_unresolved() -> CompiledStatement:
    keys = rows_from_json("keys", alert_rule_state, STATE_KEY)
    same = [incident.c[name] == keys.c[name] for name in STATE_KEY]
    return CompiledStatement(select(incident).select_from(keys.join(incident, _all(same))).where(_UNRESOLVED))


def _build_add() -> CompiledStatement:
    """Insert in the order of the rows, so that ids follow it."""
    rows = rows_from_json("incidents", incident, NEW_INCIDENT)
    return CompiledStatement(insert(incident).from_select(NEW_INCIDENT, select(*rows.c), include_defaults=False).returning(incident.c.id))


def _build_save() -> CompiledStatement:
    values = rows_from_json("incidents", incident, ("id", *INCIDENT_CHANGES))
    changes = {name: values.c[name] for name in INCIDENT_CHANGES}
    return CompiledStatement(update(incident).where(incident.c.id == values.c.id).values(changes))


def _build_add_entries() -> CompiledStatement:
    rows = rows_from_json("entries", incident_entry, NEW_ENTRY)
    owner = select(incident.c.pipeline_id).where(incident.c.id == rows.c.incident_id).scalar_subquery()
    columns = (*NEW_ENTRY, "pipeline_id")
    return CompiledStatement(insert(incident_entry).from_select(columns, select(*rows.c, owner), include_defaults=False))


def _build_thin_repetitions() -> CompiledStatement:
    """Delete the repetitions of these incidents between the first one and the last one."""
    repeated = IncidentEntryKind.REPEATED.value
    other = incident_entry.alias("other")
    same = (other.c.incident_id == incident_entry.c.incident_id, other.c.kind == literal(repeated, Text))
    first, last = (select(pick(other.c.id)).where(*same).scalar_subquery() for pick in (func.min, func.max))
    is_between = (incident_entry.c.id > first, incident_entry.c.id < last)
    return CompiledStatement(
        delete(incident_entry).where(
            is_any_of(incident_entry.c.incident_id, "ids"), incident_entry.c.kind == literal(repeated, Text), *is_between
        )
    )


def _build_add_link_use() -> CompiledStatement:
    values = (delivery.c.id, bindparam("action", type_=Text), delivery.c.pipeline_id, bindparam("used_at", type_=DateTime(timezone=True)))
    source = select(*values).where(delivery.c.id == bindparam("delivery", type_=BigInteger))
    columns = ("delivery_id", "action", "pipeline_id", "used_at")
    new = upsert(delivery_link_use).from_select(columns, source, include_defaults=False)
    return CompiledStatement(new.on_conflict_do_nothing().returning(delivery_link_use.c.delivery_id))


def _build_count_recent(is_any: bool) -> CompiledStatement:
    return CompiledStatement(select(func.count().label("openings")).select_from(incident).where(*_IS_RECENT[is_any]))


def _build_find_recent_group(is_any: bool) -> CompiledStatement:
    query = select(incident.c.group_id).where(*_IS_RECENT[is_any], incident.c.group_id.is_not(None))
    return CompiledStatement(query.order_by(incident.c.id.desc()).limit(1))


def _all(conditions: list[ColumnElement[bool]]) -> Any:
    first, *others = conditions
    for each in others:
        first &= each
    return first


LOCK_POSITION = CompiledStatement(select(alert_position).where(alert_position.c.id == THE_POSITION).with_for_update(skip_locked=True))
ADD_POSITION = CompiledStatement(upsert(alert_position).values(id=THE_POSITION).on_conflict_do_nothing().returning(alert_position.c.id))
SAVE_POSITION = CompiledStatement(
    update(alert_position).where(alert_position.c.id == THE_POSITION).values(cursor=bindparam("new_cursor", type_=Text))
)
SAVE_STATES, FIND_STATES, FIND_UNRESOLVED = _build_save_states(), _build_find_states(), _build_find_unresolved()
DELETE_STATES = CompiledStatement(
    delete(alert_rule_state)
    .where(alert_rule_state.c.pipeline_id == _PIPELINE)
    .where(alert_rule_state.c.rule_key != func.all(bindparam("kept", type_=ARRAY(Text))))
)
DELETE_STATES_OF_RULE = CompiledStatement(delete(alert_rule_state).where(alert_rule_state.c.rule_key == bindparam("rule_key", type_=Text)))
ADD, SAVE, ADD_ENTRIES, THIN_REPETITIONS = _build_add(), _build_save(), _build_add_entries(), _build_thin_repetitions()
FIND = CompiledStatement(select(incident).where(is_any_of(incident.c.id, "ids")))
LOCK = CompiledStatement(select(incident).where(is_any_of(incident.c.id, "ids")).order_by(incident.c.id).with_for_update(key_share=True))
LOCK_UNRESOLVED = CompiledStatement(
    select(incident).where(incident.c.pipeline_id == _PIPELINE, _UNRESOLVED).order_by(incident.c.id).with_for_update(key_share=True)
)
LOCK_UNRESOLVED_OF_RULE = CompiledStatement(
    select(incident)
    .where(incident.c.rule_key == bindparam("rule_key", type_=Text), _UNRESOLVED)
    .order_by(incident.c.id)
    .with_for_update(key_share=True)
)
LOCK_UNRESOLVED_OF_CHANNEL = CompiledStatement(
    select(incident).where(incident.c.channel_id == _CHANNEL, _UNRESOLVED).with_for_update(key_share=True)
)
COUNT_RECENT = {is_any: _build_count_recent(is_any) for is_any in (True, False)}
FIND_RECENT_GROUP = {is_any: _build_find_recent_group(is_any) for is_any in (True, False)}
"""By whether the incidents may have any cause."""
LIST_GROUP = CompiledStatement(
    select(incident).where(incident.c.group_id == _GROUP).order_by(incident.c.id).limit(bindparam("limit", type_=Integer))
)
COUNT_GROUP = CompiledStatement(
    select(
        func.count().label("total"),
        func.count().filter(_UNRESOLVED).label("unresolved"),
    )
    .select_from(incident)
    .where(incident.c.group_id == _GROUP)
)
ADD_LINK_USE = _build_add_link_use()
IS_LINK_USED = CompiledStatement(
    select(delivery_link_use.c.delivery_id).where(
        delivery_link_use.c.delivery_id == bindparam("delivery", type_=BigInteger),
        delivery_link_use.c.action == bindparam("action", type_=Text),
    )
)
