"""The statements about the values of concurrency limits, and about groups."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Text, and_, bindparam, delete, exists, func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.concurrency import concurrency_limit, group_use, slot, slot_wait
from adapters.persistence.tables.pipelines import pipeline

GROUP_PREFIX = "group:"
LIMIT_COLUMNS = ("name", "pipeline_id", "limit_", "set_by", "set_at")
USE_COLUMNS = ("group_name", "pipeline_id", "limit_", "by_run", "stages")
_PIPELINE = bindparam("pipeline", type_=BigInteger)
_NAME = bindparam("name", type_=Text)


def _add_limits() -> Any:
    rows = rows_from_json("limits", concurrency_limit, LIMIT_COLUMNS)
    statement = upsert(concurrency_limit).from_select(list(LIMIT_COLUMNS), select(*rows.c))
    changes = {name: statement.excluded[name] for name in LIMIT_COLUMNS if name != "name"}
    return statement.on_conflict_do_update(index_elements=["name"], set_=changes)


def _add_uses() -> Any:
    rows = rows_from_json("uses", group_use, USE_COLUMNS)
    return insert(group_use).from_select(list(USE_COLUMNS), select(*rows.c))


def _read_uses() -> Any:
    rows = select(group_use, pipeline.c.name.label("pipeline")).join(pipeline, pipeline.c.id == group_use.c.pipeline_id)
    return rows.order_by(group_use.c.group_name, group_use.c.pipeline_id)


def _delete_unused_groups() -> Any:
    """Delete limits of groups that definitions gave once, and that no pipeline, slot or request needs any more."""
    names = concurrency_limit.c.name
    is_group = and_(concurrency_limit.c.pipeline_id.is_(None), concurrency_limit.c.set_by.is_(None))
    is_used = exists().where(names == GROUP_PREFIX + group_use.c.group_name)
    is_held, is_awaited = (exists().where(table.c.bucket == names) for table in (slot, slot_wait))
    return delete(concurrency_limit).where(is_group, ~is_used, ~is_held, ~is_awaited)


DELETE_LIMITS = CompiledStatement(delete(concurrency_limit).where(concurrency_limit.c.pipeline_id == _PIPELINE))
ADD_LIMITS = CompiledStatement(_add_limits())
DELETE_GROUP_LIMIT = CompiledStatement(delete(concurrency_limit).where(concurrency_limit.c.name == _NAME))
DELETE_USES = CompiledStatement(delete(group_use).where(group_use.c.pipeline_id == _PIPELINE))
ADD_USES = CompiledStatement(_add_uses())
LOCK_GROUPS = CompiledStatement(select(func.pg_advisory_xact_lock(func.hashtextextended(literal("headgate groups"), 0))))
READ_GROUP_LIMITS = CompiledStatement(select(concurrency_limit).where(concurrency_limit.c.name.startswith(GROUP_PREFIX)))
READ_USES = CompiledStatement(_read_uses())
DELETE_UNUSED_GROUPS = _delete_unused_groups()
