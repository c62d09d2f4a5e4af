"""Load revisions with the texts that their authors wrote."""

from application.queries.views.pipelines import PipelineView, RevisionWithSource
from domain.errors import NotFound
from entrypoints.web.page_context import PageContext


async def load_newest(context: PageContext, pipeline: PipelineView) -> RevisionWithSource:
    """Return a pipeline's newest revision."""
    return await load_revision(context, pipeline, pipeline.revision)


async def require_revision(context: PageContext, pipeline: PipelineView, number: str) -> RevisionWithSource:
    """Return the revision that a path names by its number. Raise NotFound for an unknown one."""
    if not number.isascii() or not number.isdigit() or len(number) > 9 or str(int(number)) != number:
        raise NotFound("revision", number, pipeline.name)
    return await load_revision(context, pipeline, int(number))


async def load_revision(context: PageContext, pipeline: PipelineView, number: int) -> RevisionWithSource:
    """Return a revision with its text. Raise NotFound for an unknown number."""
    revision = await context.reader.revision(pipeline.id, number)
    if revision is None:
        raise NotFound("revision", str(number), pipeline.name)
    return revision
