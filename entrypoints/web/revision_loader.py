"""Load revisions with the texts that their authors wrote."""

import asyncio

from application.queries.views.pipelines import PipelineView, RevisionWithSource
from domain.errors import NotFound
from entrypoints.web.page_context import PageContext
from entrypoints.web.view_models.pipelines.revision_text import RevisionText


async def load_newest_source(context: PageContext, pipeline: PipelineView) -> RevisionText:
    """Return the text of a pipeline's newest revision."""
    return await load_text(context, pipeline, pipeline.revision)


async def load_text(context: PageContext, pipeline: PipelineView, number: int) -> RevisionText:
    """Return the text of a revision. Raise NotFound for an unknown number."""
    return await asyncio.to_thread(RevisionText.from_view, await _load(context, pipeline, number))


async def require_revision(context: PageContext, pipeline: PipelineView, number: str) -> RevisionWithSource:
    """Return the revision that a path names by its number. Raise NotFound for an unknown one."""
    if not number.isascii() or not number.isdigit() or len(number) > 9 or str(int(number)) != number:
        raise NotFound("revision", number, pipeline.name)
    return await _load(context, pipeline, int(number))


async def _load(context: PageContext, pipeline: PipelineView, number: int) -> RevisionWithSource:
    revision = await context.reader.revision(pipeline.id, number)
    if revision is None:
        raise NotFound("revision", str(number), pipeline.name)
    return revision
