"""Finds runs by their names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline, pipeline_alias
from adapters.persistence.tables.runs import run


def _is_named(name: ColumnElement[str], number: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a run has the number, and that its pipeline has the name or had it before a rename."""
    owner = select(pipeline.c.id).where(pipeline.c.name == name, NOT_DELETED).scalar_subquery()
    earlier_owner = (
        select(pipeline.c.id)
        .join(pipeline_alias, pipeline_alias.c.pipeline_id == pipeline.c.id)
        .where(pipeline_alias.c.name == name, NOT_DELETED)
        .scalar_subquery()
    )
    return (run.c.pipeline_id == func.coalesce(owner, earlier_owner)) & (run.c.number == number)


def _select_many() -> Select[Any]:
    lists = bindparam("names", type_=ARRAY(Text)), bindparam("numbers", type_=ARRAY(BigInteger))
    wanted = func.unnest(*lists).table_valued("name", "number").render_derived(name="wanted")
    return select(wanted.c.name, wanted.c.number, run.c.id).select_from(wanted.join(run, _is_named(wanted.c.name, wanted.c.number)))


RUN_ID_BY_NAME = select(run.c.id).where(_is_named(bindparam("name"), bindparam("number", type_=BigInteger)))
"""The run with the number `number`, of the pipeline that has the name `name`, or had it before a rename."""
RUN_IDS_BY_NAMES = _select_many()
"""The same for each pair of `names` and `numbers`, with its id."""
