"""Statements that claim deliveries, and those that add and save them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Integer,
    Text,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on

from adapters.persistence.connection.bulk_parameters import is_any_of, rows_from_json
from adapters.persistence.connection.clock import NOW, seconds_from_now
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.channels import channel
from adapters.persistence.tables.deliveries import IS_SCHEDULED, alert_message, delivery
from application.ports.persistence.deliveries import MAX_IN_FLIGHT

NEW_MESSAGE: Final = ("id", "incident_id", "pipeline_id", "kind", "content", "at")
CHANGES: Final = ("due_at", "state", "tries", "last_error", "first_tried_at", "sent_at", "held_by", "leased_until")
NEW_DELIVERY: Final = ("message_id", "incident_id", "channel_id", "only_if", *CHANGES)
_IS_SCHEDULED: ColumnElement[bool] = text(f"delivery.{IS_SCHEDULED}")  # type: ignore[assignment]
_IS_FREE = or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= NOW)
_DUE: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_LIMIT, _CHANNEL = bindparam("limit", type_=Integer), bindparam("channel", type_=BigInteger)
_MAX_IN_FLIGHT: ColumnElement[int] = literal_column(str(MAX_IN_FLIGHT))
_ORDER = (delivery.c.due_at, delivery.c.id)
_MESSAGE = bindparam("message", type_=Text)
COMPOSED: Final = "blocks"
"""A key that the content of a message has once its text is composed."""
_OF_CHANNEL = (delivery.c.channel_id == channel.c.id, _IS_SCHEDULED)
_SPEAKS = text("delivery.kind IN ('opened', 'escalated', 'reminder', 'unstable', 'grouped')")


def _build_add() -> CompiledStatement:
    """Insert in the order of the rows, so that ids follow it. Kind and pipeline are those of the message."""
    rows = rows_from_json("deliveries", delivery, NEW_DELIVERY)
    of_message = [
        select(alert_message.c[name]).where(alert_message.c.id == rows.c.message_id).scalar_subquery() for name in ("kind", "pipeline_id")
    ]
    columns = (*NEW_DELIVERY, "kind", "pipeline_id")
    source = select(*rows.c, *of_message)
    return CompiledStatement(insert(delivery).from_select(columns, source, include_defaults=False).returning(delivery.c.id))


def _build_add_messages() -> CompiledStatement:
    rows = rows_from_json("messages", alert_message, NEW_MESSAGE)
    return CompiledStatement(insert(alert_message).from_select(NEW_MESSAGE, select(*rows.c), include_defaults=False))


def _build_save() -> CompiledStatement:
    """Change the deliveries in the order of their ids, so that two transactions never wait for each other."""
    values = rows_from_json("deliveries", delivery, ("id", *CHANGES))
    locked = _lock_in_order(delivery.c.id.in_(select(values.c.id)))
    changes = {name: values.c[name] for name in CHANGES}
    save = update(delivery).where(delivery.c.id == locked.c.id, delivery.c.id == values.c.id, _IS_SCHEDULED)
    return CompiledStatement(save.values(changes).returning(delivery.c.id))


def _build_release(*conditions: ColumnElement[bool]) -> CompiledStatement:
    """Make scheduled deliveries due that are not due yet."""
    locked = _lock_in_order(*conditions, delivery.c.due_at > _DUE)
    return CompiledStatement(update(delivery).where(delivery.c.id == locked.c.id, _IS_SCHEDULED).values(due_at=_DUE))


def _lock_in_order(*conditions: ColumnElement[bool]) -> CTE:
    query = select(delivery.c.id).where(*conditions, _IS_SCHEDULED).order_by(delivery.c.id)
    return query.with_for_update(key_share=True).cte("locked")


def _build_lock_channels() -> CompiledStatement:
    """Lock the channels with a delivery that is due, so that no other process claims deliveries of the same channel."""
    is_due = exists().where(*_OF_CHANNEL, delivery.c.due_at <= _DUE, _IS_FREE)
    query = select(channel.c.id).where(~is_any_of(channel.c.id, "excluded"), is_due).order_by(channel.c.id)
    return CompiledStatement(query.with_for_update(key_share=True, skip_locked=True))


def _build_claim() -> CompiledStatement:
    """Lease due deliveries of locked channels. This statement starts after the locks, so it sees all leases."""
    leased = delivery.alias("leased")
    is_leased = (leased.c.channel_id == channel.c.id, leased.c.leased_until > NOW, text(f"leased.{IS_SCHEDULED}"))
    in_flight = select(func.count()).select_from(leased).where(*is_leased).scalar_subquery()
    place = func.row_number().over(order_by=_ORDER).label("place")
    was_leased = delivery.c.leased_until.is_not(None).label("was_leased")
    first = select(delivery.c.id, delivery.c.due_at, was_leased, place).where(*_OF_CHANNEL, delivery.c.due_at <= _DUE, _IS_FREE)
    due = first.order_by(*_ORDER).limit(_MAX_IN_FLIGHT).correlate(channel).lateral("due")
    candidates = (
        select(due.c.id, due.c.was_leased)
        .select_from(channel.join(due, true()))
        .where(is_any_of(channel.c.id, "channels"), due.c.place <= _MAX_IN_FLIGHT - in_flight)
        .order_by(due.c.due_at, due.c.id)
        .limit(_LIMIT)
        .cte("candidates")
    )
    until = seconds_from_now(bindparam("seconds", type_=Double))
    claim = update(delivery).where(delivery.c.id == candidates.c.id, _IS_SCHEDULED).values(leased_until=until)
    return CompiledStatement(claim.returning(*delivery.c, candidates.c.was_leased))


def _build_next_due() -> CompiledStatement:
    """A channel with as many leases as it may have waits for the end of one."""
    due = select(delivery.c.due_at).where(*_OF_CHANNEL, _IS_FREE).order_by(delivery.c.due_at).limit(literal_column("1"))
    next_due = due.correlate(channel).scalar_subquery()
    is_leased = (*_OF_CHANNEL, delivery.c.leased_until > NOW)
    leases = select(func.count().label("count"), func.min(delivery.c.leased_until).label("first")).where(*is_leased)
    leased = leases.correlate(channel).lateral("leased")
    soonest = case((leased.c.count >= _MAX_IN_FLIGHT, leased.c.first), else_=func.least(next_due, leased.c.first))
    query = select(func.min(soonest).label("due_at")).select_from(channel.join(leased, true()))
    return CompiledStatement(query.where(~is_any_of(channel.c.id, "excluded")))


def _build_sent_channels() -> CompiledStatement:
    columns = (delivery.c.incident_id, delivery.c.channel_id, delivery.c.message_id)
    query = select(*columns).ext(distinct_on(*columns[:2])).where(is_any_of(delivery.c.incident_id, "ids"), _SPEAKS)
    return CompiledStatement(query.where(text("delivery.state = 'sent'")).order_by(*columns[:2], delivery.c.id))


def _build_compose() -> CompiledStatement:
    is_new = ~alert_message.c.content.has_key(COMPOSED)
    changes = {"content": bindparam("new_content", type_=JSONB)}
    return CompiledStatement(update(alert_message).where(alert_message.c.id == _MESSAGE, is_new).values(changes))


ADD, ADD_MESSAGES, SAVE = _build_add(), _build_add_messages(), _build_save()
LOCK_CHANNELS, CLAIM, NEXT_DUE, SENT_CHANNELS = _build_lock_channels(), _build_claim(), _build_next_due(), _build_sent_channels()
FIND_MESSAGES = CompiledStatement(select(alert_message).where(alert_message.c.id == func.any(bindparam("ids", type_=ARRAY(Text)))))
COMPOSE = _build_compose()
READ_CONTENT = CompiledStatement(select(alert_message.c.content).where(alert_message.c.id == _MESSAGE))
FIND_CHANNELS = CompiledStatement(select(delivery.c.channel_id).where(delivery.c.message_id == _MESSAGE).distinct())
LOCK = CompiledStatement(select(delivery).where(is_any_of(delivery.c.id, "ids")).order_by(delivery.c.id).with_for_update(key_share=True))
FIND = CompiledStatement(select(delivery).where(delivery.c.id == bindparam("id", type_=BigInteger)))
LIST_WAITING = CompiledStatement(select(delivery).where(delivery.c.channel_id == _CHANNEL, _IS_SCHEDULED).order_by(*_ORDER).limit(_LIMIT))
RELEASE = _build_release(delivery.c.channel_id == _CHANNEL, delivery.c.tries > 0)
RELEASE_HELD = _build_release(delivery.c.held_by == bindparam("by", type_=Text))
OF_INCIDENTS = CompiledStatement(select(delivery).where(is_any_of(delivery.c.incident_id, "ids")).order_by(delivery.c.id))
LAST_DRILLS = CompiledStatement(
    select(delivery.c.channel_id, func.max(alert_message.c.at).label("at"))
    .join(alert_message, alert_message.c.id == delivery.c.message_id)
    .where(text("delivery.kind = 'drill'"))
    .group_by(delivery.c.channel_id)
)
