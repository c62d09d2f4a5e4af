"""The pipeline that a path names."""

import re
from typing import Annotated

from fastapi import Depends, Path

from application.ports.persistence.pipelines import PipelineRef
from application.queries.views.pipelines import PipelineView
from domain.errors import NotFound
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.http.ids import parse_id

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
PipelinePath = Annotated[str, Path(description="The pipeline's id, its name, or a name that it had before a rename.")]


async def _get_pipeline_ref(pipeline_id: PipelinePath) -> PipelineRef:
    if (number := parse_id(pipeline_id)) is not None:
        return number
    if not _NAME.fullmatch(pipeline_id):
        raise NotFound("pipeline", pipeline_id)
    return pipeline_id


PipelineRefDep = Annotated[PipelineRef, Depends(_get_pipeline_ref)]


async def _get_pipeline(pipeline_id: PipelinePath, ref: PipelineRefDep, reader: ReaderDep) -> PipelineView:
    pipeline = await reader.pipeline(ref)
    if pipeline is None:
        raise NotFound("pipeline", pipeline_id)
    return pipeline


PipelineDep = Annotated[PipelineView, Depends(_get_pipeline)]
