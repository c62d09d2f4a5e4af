"""The backfill that a path names."""

from typing import Annotated

from fastapi import Depends, Path

from application.queries.views.backfills import BackfillView
from domain.errors import NotFound
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.http.ids import parse_id

BackfillPath = Annotated[str, Path(description="The backfill's id.")]


async def _get_backfill_id(backfill_id: BackfillPath) -> int:
    number = parse_id(backfill_id)
    if number is None:
        raise NotFound("backfill", backfill_id)
    return number


BackfillId = Annotated[int, Depends(_get_backfill_id)]


async def _get_backfill(number: BackfillId, reader: ReaderDep) -> BackfillView:
    backfill = await reader.backfill(number)
    if backfill is None:
        raise NotFound("backfill", number)
    return backfill


BackfillDep = Annotated[BackfillView, Depends(_get_backfill)]
