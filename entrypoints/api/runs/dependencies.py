"""The run that a path names."""

from typing import Annotated

from fastapi import Depends, Path

from application.queries.views.runs import RunView
from domain.errors import NotFound
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.http.ids import parse_id

RunPath = Annotated[str, Path(description="The run's id, or its name such as `etl#12`, written `etl%2312` in a URL.")]


async def _get_run_id(id: RunPath) -> int:
    number = parse_id(id)
    if number is None:
        raise NotFound("run", id)
    return number


RunId = Annotated[int, Depends(_get_run_id)]


async def _get_run(id: RunPath, run_id: RunId, reader: ReaderDep) -> RunView:
    run = await reader.run(run_id)
    if run is None:
        raise NotFound("run", id)
    return run


async def _get_other_run(other: Annotated[str, Path(description="The run to compare with, by id or name.")], reader: ReaderDep) -> RunView:
    number = parse_id(other)
    run = None if number is None else await reader.run(number)
    if run is None:
        raise NotFound("run", other)
    return run


RunDep = Annotated[RunView, Depends(_get_run)]
OtherRunDep = Annotated[RunView, Depends(_get_other_run)]
