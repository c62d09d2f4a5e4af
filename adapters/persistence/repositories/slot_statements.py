"""The statements about slots and the requests that wait for them. Each is built once, and its text does not depend on the values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    TableValuedAlias,
    Text,
    and_,
    any_,
    bindparam,
    column,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.concurrency import concurrency_limit, slot, slot_wait

_TEXTS = ARRAY(Text)
_KEY = ("bucket", "run_id", "position")
SLOT_COLUMNS = tuple(each.name for each in slot.c)
WAIT_COLUMNS = tuple(each.name for each in slot_wait.c)


def _save_slots() -> Any:
    """Replace the slots and the requests of the given runs and stages in one statement."""
    changed = rows_from_json("changed", slot, ("run_id", "position"))
    held = rows_from_json("held", slot, SLOT_COLUMNS)
    waiting = rows_from_json("waiting", slot_wait, WAIT_COLUMNS)
    removed_slots = _remove_others(slot, changed, held).cte("removed_slots")
    removed_waits = _remove_others(slot_wait, changed, waiting).cte("removed_waits")
    return _put(slot_wait, waiting).add_cte(removed_slots, removed_waits, _put(slot, held).cte("stored_slots"))


def _remove_others(table: Table, changed: TableValuedAlias, kept: TableValuedAlias) -> Any:
    """Remove the rows of the changed runs and stages that are not among those to keep."""
    is_changed = and_(table.c.run_id == changed.c.run_id, table.c.position == changed.c.position)
    is_kept = exists().where(*(kept.c[name] == table.c[name] for name in _KEY)).correlate(table)
    return delete(table).where(is_changed, ~is_kept)


def _put(table: Table, rows: TableValuedAlias) -> Any:
    statement = upsert(table).from_select([each.name for each in rows.c], select(*rows.c))
    changes = {each.name: statement.excluded[each.name] for each in rows.c if each.name not in _KEY}
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes)


def _lock() -> Any:
    """Lock the keys in ascending order. The subquery sorts them before the outer query takes the locks one by one."""
    names = func.unnest(bindparam("buckets", type_=_TEXTS)).table_valued("name").render_derived(name="wanted")
    key = func.hashtextextended(names.c.name, 0).label("key")
    keys = select(key).distinct().order_by(key).subquery("keys")
    return select(func.pg_advisory_xact_lock(keys.c.key))


def _read_states() -> Any:
    source = func.unnest(bindparam("buckets", type_=_TEXTS), bindparam("limit_names", type_=_TEXTS))
    wanted = source.table_valued(column("bucket", Text), column("limit_name", Text)).render_derived(name="wanted")
    limit = select(concurrency_limit.c.limit_).where(concurrency_limit.c.name == wanted.c.limit_name).scalar_subquery()
    return select(wanted.c.bucket, limit.label("limit_"), _count(slot, wanted.c.bucket), _count(slot_wait, wanted.c.bucket))


def _count(table: Table, bucket: ColumnElement[str]) -> Any:
    return select(func.count()).select_from(table).where(table.c.bucket == bucket).scalar_subquery().label(table.name)


def _find_grantable() -> Any:
    """Find the buckets that requests wait for and that have room, then the requests that wait for none but these.

    The recursive query jumps from bucket to bucket in the index, so that the buckets with many waiting requests cost no more.
    """
    line = slot_wait.alias("line")
    first = select(line.c.bucket, line.c.limit_name).order_by(line.c.bucket).limit(literal_column("1")).subquery("first")
    waited = select(first.c.bucket, first.c.limit_name).cte("waited", recursive=True)
    following = select(line.c.bucket, line.c.limit_name).where(line.c.bucket > waited.c.bucket).order_by(line.c.bucket)
    following_row = following.limit(literal_column("1")).correlate(waited).lateral("following")
    waited = waited.union_all(select(following_row.c.bucket, following_row.c.limit_name).select_from(waited.join(following_row, true())))
    held = select(func.count()).select_from(slot).where(slot.c.bucket == waited.c.bucket).scalar_subquery()
    with_limit = waited.outerjoin(concurrency_limit, concurrency_limit.c.name == waited.c.limit_name)
    has_room = or_(concurrency_limit.c.limit_.is_(None), held < concurrency_limit.c.limit_)
    free = select(waited.c.bucket).select_from(with_limit).where(has_room).cte("free")
    return _select_requests(select(free.c.bucket).scalar_subquery())


def _select_requests(buckets: Any) -> Select[Any]:
    """Return the requests that wait for these buckets only, in the order in which they get slots."""
    in_line = slot_wait.alias("in_line")
    candidates = select(in_line.c.run_id, in_line.c.position).where(in_line.c.bucket == any_(buckets))
    by_bucket = {name: func.array_agg(aggregate_order_by(slot_wait.c[name], slot_wait.c.bucket)) for name in ("bucket", "limit_name")}
    priority, waits_since = func.max(slot_wait.c.priority), func.min(slot_wait.c.waits_since)
    return (
        select(
            slot_wait.c.run_id,
            slot_wait.c.position,
            priority.label("priority"),
            waits_since.label("waits_since"),
            by_bucket["bucket"].label("buckets"),
            by_bucket["limit_name"].label("limit_names"),
        )
        .where(tuple_(slot_wait.c.run_id, slot_wait.c.position).in_(candidates))
        .group_by(slot_wait.c.run_id, slot_wait.c.position)
        .having(func.bool_and(slot_wait.c.bucket == any_(buckets)))
        .order_by(priority.desc(), waits_since, slot_wait.c.run_id, slot_wait.c.position)
        .limit(bindparam("limit", type_=Integer))
    )


def _list_runs(table: Table, *order: ColumnElement[Any]) -> Any:
    """Return the runs of the bucket, each once, in the order of their first rows."""
    rows = select(table.c.run_id).where(table.c.bucket == bindparam("bucket", type_=Text))
    return rows.order_by(*order, table.c.run_id, table.c.position)


SAVE_SLOTS = CompiledStatement(_save_slots())
LOCK_BUCKETS = CompiledStatement(_lock())
READ_STATES = CompiledStatement(_read_states())
FIND_GRANTABLE = CompiledStatement(_find_grantable())
HAS_WAITING = CompiledStatement(select(exists(select(slot_wait.c.run_id)).label("has_waiting")))
LIST_WAITING = CompiledStatement(_select_requests(bindparam("buckets", type_=_TEXTS)))
FIND_HOLDERS = CompiledStatement(_list_runs(slot, slot.c.taken_at))
FIND_WAITING = CompiledStatement(_list_runs(slot_wait, slot_wait.c.priority.desc(), slot_wait.c.waits_since))
