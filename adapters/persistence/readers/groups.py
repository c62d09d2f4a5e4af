"""Reads concurrency groups, the slots in use and the requests that wait for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.engine import Row

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.tables.concurrency import OF_RUN, concurrency_limit, group_use, slot, slot_wait
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from application.queries.views.groups import (
    GROUP_PREFIX,
    FullBucketView,
    GroupDetailView,
    GroupUseView,
    GroupView,
    SlotHolderView,
    SlotWaitView,
)
from domain.pipelines.definition import PipelineDefinition

MAX_FULL_BUCKETS = 20
HOLDERS_NAMED = 3
_BUCKET = literal(GROUP_PREFIX, Text)
_TEXTS = ARRAY(Text)
_IS_KEPT = pipeline.c.deleting_at.is_(None)
_RUN_COLUMNS = (run.c.number, run.c.pipeline_id, run.c.revision, pipeline.c.name.label("pipeline"))
_HELD_LONGEST = (slot.c.taken_at, slot.c.run_id, slot.c.position)
_IN_LINE = (slot_wait.c.priority.desc(), slot_wait.c.waits_since, slot_wait.c.run_id, slot_wait.c.position)


def _count(table: Table, bucket: ColumnElement[str]) -> Any:
    return select(func.count()).select_from(table).where(table.c.bucket == bucket).scalar_subquery()


def _select_groups() -> Select[Any]:
    """Select the groups that pipelines use or that have a limit."""
    used = select(group_use.c.group_name.label("name")).join(pipeline, pipeline.c.id == group_use.c.pipeline_id).where(_IS_KEPT)
    limited = select(func.substr(concurrency_limit.c.name, len(GROUP_PREFIX) + 1).label("name"))
    names = union(used, limited.where(concurrency_limit.c.name.startswith(GROUP_PREFIX))).subquery("groups")
    bucket = _BUCKET + names.c.name
    counts = (_count(slot, bucket).label("held"), _count(slot_wait, bucket).label("waiting"))
    limit = (concurrency_limit.c.limit_, concurrency_limit.c.set_by, concurrency_limit.c.set_at)
    query = select(names.c.name, *limit, *counts).outerjoin_from(names, concurrency_limit, concurrency_limit.c.name == bucket)
    return query.order_by(names.c.name)


def _select_page() -> Select[Any]:
    groups = _select_groups()
    name = groups.selected_columns["name"]
    after = bindparam("after", type_=Text)
    return groups.where(or_(after.is_(None), name > after)).limit(bindparam("limit", type_=Integer))


def _select_uses() -> Select[Any]:
    uses = select(group_use, pipeline.c.name.label("pipeline")).join(pipeline, pipeline.c.id == group_use.c.pipeline_id)
    return uses.where(_IS_KEPT, group_use.c.group_name == any_(bindparam("names", type_=_TEXTS))).order_by(pipeline.c.name)


def _of_runs(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    rows = select(table.c.run_id, table.c.position, *columns, *_RUN_COLUMNS)
    return rows.join(run, run.c.id == table.c.run_id).join(pipeline, pipeline.c.id == run.c.pipeline_id)


def _select_full_buckets() -> Select[Any]:
    """Select the full buckets for which the run waits, each with the run's first request in line."""
    order = (slot_wait.c.bucket, slot_wait.c.priority.desc(), slot_wait.c.waits_since, slot_wait.c.position)
    requests = func.count().over(partition_by=slot_wait.c.bucket).label("requests")
    own = (
        select(slot_wait, requests)
        .where(slot_wait.c.run_id == bindparam("run", type_=BigInteger))
        .ext(distinct_on(slot_wait.c.bucket))
        .order_by(*order)
        .subquery("own")
    )
    line = slot_wait.alias("line")
    is_before = or_(
        line.c.priority > own.c.priority,
        (line.c.priority == own.c.priority)
        & (tuple_(line.c.waits_since, line.c.run_id, line.c.position) < tuple_(own.c.waits_since, own.c.run_id, own.c.position)),
    )
    before = select(func.count()).select_from(line).where(line.c.bucket == own.c.bucket, is_before).scalar_subquery()
    held = select(func.count().label("held")).where(slot.c.bucket == own.c.bucket).correlate(own).lateral("held")
    return (
        select(own.c.bucket, own.c.limit_name, own.c.position, own.c.requests, concurrency_limit.c.limit_, held.c.held)
        .add_columns((before + 1).label("place"), run.c.pipeline_id, run.c.revision)
        .select_from(own.join(concurrency_limit, concurrency_limit.c.name == own.c.limit_name).join(held, true()))
        .join(run, run.c.id == own.c.run_id)
        .where(held.c.held >= concurrency_limit.c.limit_)
        .order_by(case((own.c.position == OF_RUN, 0), else_=1), own.c.limit_name, own.c.bucket)
        .limit(MAX_FULL_BUCKETS)
    )


def _select_first_holders() -> Select[Any]:
    wanted = func.unnest(bindparam("buckets", type_=_TEXTS)).table_valued("name").render_derived(name="wanted")
    first = (
        select(slot).where(slot.c.bucket == wanted.c.name).order_by(*_HELD_LONGEST).limit(HOLDERS_NAMED).correlate(wanted).lateral("first")
    )
    rows = select(first, *_RUN_COLUMNS).select_from(wanted.join(first, true()))
    rows = rows.join(run, run.c.id == first.c.run_id).join(pipeline, pipeline.c.id == run.c.pipeline_id)
    return rows.order_by(first.c.bucket, first.c.taken_at, first.c.run_id, first.c.position)


_PAGE = _select_page()
_ONE = _select_groups()
_ONE = _ONE.where(_ONE.selected_columns["name"] == bindparam("name", type_=Text))
_USES = _select_uses()
_HOLDERS = (
    _of_runs(slot, slot.c.taken_at, slot.c.over_limit)
    .where(slot.c.bucket == bindparam("bucket", type_=Text))
    .order_by(*_HELD_LONGEST)
    .limit(bindparam("limit", type_=Integer))
)
_WAITING = (
    _of_runs(slot_wait, slot_wait.c.priority, slot_wait.c.waits_since)
    .where(slot_wait.c.bucket == bindparam("bucket", type_=Text))
    .order_by(*_IN_LINE)
    .limit(bindparam("limit", type_=Integer))
)
_FULL_BUCKETS = _select_full_buckets()
_FIRST_HOLDERS = _select_first_holders()


class GroupReader:
    """The queries of one snapshot."""

    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def page(self, limit: int, after: str | None) -> list[GroupView]:
        return await self._views((await self._transaction.execute(_PAGE, {"limit": limit, "after": after})).all())

    async def detail(self, name: str, holders: int, waiting: int) -> GroupDetailView | None:
        found = await self._views((await self._transaction.execute(_ONE, {"name": name})).all())
        if not found:
            return None
        bucket = GROUP_PREFIX + name
        held = (await self._transaction.execute(_HOLDERS, {"bucket": bucket, "limit": holders})).all()
        waits = (await self._transaction.execute(_WAITING, {"bucket": bucket, "limit": waiting})).all()
        definitions = await self._load_definitions((*held, *waits))
        return GroupDetailView(
            found[0],
            [_to_holder(row, definitions) for row in held],
            [_to_wait(row, place, definitions) for place, row in enumerate(waits, 1)],
        )

    async def full_buckets(self, run_id: int) -> list[FullBucketView]:
        rows = (await self._transaction.execute(_FULL_BUCKETS, {"run": run_id})).all()
        if not rows:
            return []
        held = (await self._transaction.execute(_FIRST_HOLDERS, {"buckets": [row.bucket for row in rows]})).all()
        definitions = await self._load_definitions((*rows, *held))
        holders: defaultdict[str, list[SlotHolderView]] = defaultdict(list)
        for row in held:
            holders[row.bucket].append(_to_holder(row, definitions))
        return [
            FullBucketView(
                bucket=row.bucket,
                limit_name=row.limit_name,
                limit=row.limit_,
                held=row.held,
                position_in_line=row.place,
                stage=_get_stage(row, definitions),
                requests=row.requests,
                holders=holders[row.bucket],
            )
            for row in rows
        ]

    async def _views(self, rows: Sequence[Row[Any]]) -> list[GroupView]:
        uses: defaultdict[str, list[GroupUseView]] = defaultdict(list)
        for row in await self._transaction.execute(_USES, {"names": [row.name for row in rows]}) if rows else ():
            uses[row.group_name].append(GroupUseView(row.pipeline_id, row.pipeline, row.limit_, row.by_run, row.stages))
        return [
            GroupView(
                row.name, row.limit_, row.set_by, row.set_at if row.set_by is not None else None, row.held, row.waiting, uses[row.name]
            )
            for row in rows
        ]

    async def _load_definitions(self, rows: Iterable[Row[Any]]) -> _Definitions:
        """Load the definitions that name the stages of these rows."""
        return await self._definitions.load((row.pipeline_id, row.revision) for row in rows if row.position != OF_RUN)


_Definitions = Mapping[tuple[int, int], PipelineDefinition]


def _to_holder(row: Row[Any], definitions: _Definitions) -> SlotHolderView:
    stage = _get_stage(row, definitions)
    return SlotHolderView(row.run_id, row.number, row.pipeline_id, row.pipeline, stage, row.taken_at, row.over_limit)


def _to_wait(row: Row[Any], place: int, definitions: _Definitions) -> SlotWaitView:
    stage = _get_stage(row, definitions)
    return SlotWaitView(row.run_id, row.number, row.pipeline_id, row.pipeline, stage, row.priority, row.waits_since, place)


def _get_stage(row: Row[Any], definitions: _Definitions) -> str | None:
    """Return the stage at the row's position; None if the row is about the run itself."""
    return None if row.position == OF_RUN else definitions[row.pipeline_id, row.revision].stages[row.position].name
