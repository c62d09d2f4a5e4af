"""Load what a comparison of two runs needs."""

from application.ports.queries.reader import Reader
from application.queries.runs.comparison import Comparison, build_comparison
from application.queries.views.runs import RunView
from domain.errors import Conflict, NotFound
from domain.pipelines.definition import PipelineDefinition


async def load_comparison(before: RunView, after: RunView, reader: Reader) -> Comparison:
    """Compare two runs. Raise Conflict `other_pipeline` for runs of different pipelines, NotFound if a revision is missing."""
    if before.pipeline_id != after.pipeline_id:
        raise Conflict(
            "other_pipeline",
            f"{before.name} and {after.name} belong to different pipelines. Select two runs of the same pipeline.",
        )
    return build_comparison(before, after, (await _load_definition(before, reader), await _load_definition(after, reader)))


async def _load_definition(run: RunView, reader: Reader) -> PipelineDefinition:
    for each in await reader.revisions(run.pipeline_id, limit=1, newest=run.revision):
        if each.revision == run.revision:
            return each.definition
    raise NotFound("revision", run.revision)
