"""Finds runs by their names."""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, func, select

from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline, pipeline_alias
from adapters.persistence.tables.runs import run

_OWNER = select(pipeline.c.id).where(pipeline.c.name == bindparam("name"), NOT_DELETED).scalar_subquery()
_EARLIER_OWNER = (
    select(pipeline.c.id)
    .join(pipeline_alias, pipeline_alias.c.pipeline_id == pipeline.c.id)
    .where(pipeline_alias.c.name == bindparam("name"), NOT_DELETED)
    .scalar_subquery()
)
RUN_ID_BY_NAME = select(run.c.id).where(
    run.c.pipeline_id == func.coalesce(_OWNER, _EARLIER_OWNER), run.c.number == bindparam("number", type_=BigInteger)
)
"""The run with the number `number`, of the pipeline that has the name `name`, or had it before a rename."""
