"""The statements about flow runs. Each is built once, and its text does not depend on the values."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Select,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import is_any_of, rows_from_json
from adapters.persistence.connection.clock import NOW, seconds_ago, seconds_from_now
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.flow_runs import flow_run, flow_run_poll

KEY: Final = ("run_id", "stage", "attempt")
_KEYS = [flow_run.c[name] for name in KEY]
_IS_REQUEST = flow_run.c.flow_run_id.is_(None)
_IS_FOLLOWED = flow_run.c.flow_run_id.is_not(None)
_MOMENT = select(NOW).scalar_subquery()
"""The time, evaluated once, so that an index finds what is due."""
_SECONDS, _LIMIT = bindparam("seconds", type_=Double), bindparam("limit", type_=Integer)
_FOLLOWED_COLUMNS = (
    *KEY,
    "flow_run_id",
    "created_at",
    "seen",
    "missing_since",
    "cancel_requested_at",
    "cancel_sent_at",
    "pool_checked_at",
)


def _is_same(rows: TableValuedAlias | CTE) -> ColumnElement[bool]:
    return and_(*(flow_run.c[name] == rows.c[name] for name in KEY))


def _lock_in_order(parameter: str, *conditions: ColumnElement[bool]) -> CTE:
    """Lock the rows with these keys in the order of the keys, so that two transactions never wait for each other."""
    keys = rows_from_json(parameter, flow_run, KEY)
    query = select(*_KEYS).where(_is_same(keys), *conditions).order_by(*_KEYS)
    return query.with_for_update(of=flow_run).cte(f"locked_{parameter}")


def _build_save_changes() -> CompiledStatement:
    """Add requests, note cancellations, and remove rows, in one statement. `changed` are the keys of the last two.

    A request that is leased stays leased: the process that creates the flow run is not disturbed by its cancellation.
    """
    created = rows_from_json("created", flow_run, KEY)
    requests = select(*created.c, NOW.label("requested_at"), NOW.label("due_at"))
    add = insert(flow_run).from_select([*KEY, "requested_at", "due_at"], requests, include_defaults=False)
    locked = _lock_in_order("changed")
    to_cancel, to_forget = (rows_from_json(parameter, flow_run, KEY) for parameter in ("cancelled", "forgotten"))
    cancel = (
        update(flow_run)
        .where(_is_same(locked), _is_same(to_cancel))
        .values(
            cancel_requested_at=func.coalesce(flow_run.c.cancel_requested_at, NOW),
            due_at=func.greatest(NOW, flow_run.c.leased_until),
        )
    )
    forget = delete(flow_run).where(_is_same(locked), _is_same(to_forget))
    return CompiledStatement(add.add_cte(cancel.cte("noted"), forget.cte("removed")))


def _build_lease() -> CompiledStatement:
    due = select(*_KEYS, flow_run.c.due_at, flow_run.c.leased_until.is_not(None).label("was_leased"))
    due = due.where(_IS_REQUEST, flow_run.c.due_at <= _MOMENT).order_by(flow_run.c.due_at, *_KEYS)
    free = due.limit(_LIMIT).with_for_update(skip_locked=True).cte("free")
    until = seconds_from_now(_SECONDS)
    lease = update(flow_run).where(_is_same(free)).values(leased_until=until, due_at=until)
    is_cancelled = flow_run.c.cancel_requested_at.is_not(None).label("is_cancelled")
    return CompiledStatement(lease.returning(*_KEYS, flow_run.c.tries, is_cancelled, free.c.was_leased, free.c.due_at.label("was_due_at")))


def _build_next_request() -> CompiledStatement:
    first = select(flow_run.c.due_at).where(_IS_REQUEST).order_by(flow_run.c.due_at).limit(literal_column("1"))
    return CompiledStatement(select(first.scalar_subquery().label("due_at")))


def _build_poll(continues: bool) -> CompiledStatement:
    """Return flow runs to follow: the first ones, if no poll began lately, or those after a key."""
    if continues:
        return CompiledStatement(_select_followed().where(tuple_(*_KEYS) > tuple_(*(_key_parameter(name) for name in KEY))))
    begin = upsert(flow_run_poll).values(single=true(), polled_at=NOW)
    begin = begin.on_conflict_do_update(
        index_elements=["single"], set_={"polled_at": NOW}, where=flow_run_poll.c.polled_at <= seconds_ago(_SECONDS)
    )
    begun = begin.returning(flow_run_poll.c.single).cte("begun")
    return CompiledStatement(_select_followed().where(exists(select(begun.c.single))))


def _select_followed() -> Select[Any]:
    return select(*(flow_run.c[name] for name in _FOLLOWED_COLUMNS)).where(_IS_FOLLOWED).order_by(*_KEYS).limit(_LIMIT)


def _key_parameter(name: str) -> Any:
    return bindparam(f"this_{name}", type_=flow_run.c[name].type)


_IS_THIS = and_(*(flow_run.c[name] == _key_parameter(name) for name in KEY))


def _build_change(**values: Any) -> CompiledStatement:
    return CompiledStatement(update(flow_run).where(_IS_THIS).values(**values))


def _build_mark(column: str, *conditions: ColumnElement[bool]) -> CompiledStatement:
    """Store the time in the rows with these keys."""
    locked = _lock_in_order("refs", *conditions)
    return CompiledStatement(update(flow_run).where(_is_same(locked)).values({column: NOW}))


def _build_remove() -> CompiledStatement:
    return CompiledStatement(delete(flow_run).where(_is_same(_lock_in_order("refs"))))


SAVE_CHANGES, LEASE, NEXT_REQUEST = _build_save_changes(), _build_lease(), _build_next_request()
BEGIN_POLL, CONTINUE_POLL = _build_poll(continues=False), _build_poll(continues=True)
FIND_FOLLOWED = CompiledStatement(
    select(*(flow_run.c[name] for name in _FOLLOWED_COLUMNS)).where(_IS_FOLLOWED, is_any_of(flow_run.c.run_id, "run_ids")).order_by(*_KEYS)
)
HAS_FOLLOWED = CompiledStatement(select(exists().where(_IS_FOLLOWED).label("has_followed")))
SET_CREATED = _build_change(flow_run_id=bindparam("new_id", type_=Text), created_at=NOW, leased_until=null())
POSTPONE = _build_change(tries=flow_run.c.tries + 1, due_at=seconds_from_now(_SECONDS), leased_until=NOW)
REMEMBER = _build_change(seen=bindparam("new_seen", type_=Text), missing_since=null())
LOCK_LOG = CompiledStatement(
    select(flow_run.c.log_position, flow_run.c.log_next_index).where(_IS_THIS, _IS_FOLLOWED).with_for_update(key_share=True)
)
SET_LOG = _build_change(log_position=bindparam("new_position", type_=JSONB), log_next_index=bindparam("new_index", type_=BigInteger))
MARK_MISSING = _build_mark("missing_since", flow_run.c.missing_since.is_(None))
MARK_CANCEL_SENT, MARK_POOLS_CHECKED = _build_mark("cancel_sent_at"), _build_mark("pool_checked_at")
REMOVE = _build_remove()
