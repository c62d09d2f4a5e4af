"""Responses of routes that store a revision."""

from starlette.responses import Response

from application.commands.pipelines.create_pipeline import CreatedPipeline
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.queries.reader import Reader
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView
from entrypoints.api.pipelines.models import PipelineResponse
from entrypoints.api.shared.etags import pipeline_etag
from entrypoints.api.shared.idempotency import mark_replayed
from entrypoints.http.base_path import link


def respond_with_created(created: CreatedPipeline, response: Response) -> PipelineResponse:
    """Return the new pipeline, with its URL in `Location`."""
    response.headers["Location"] = link(f"/pipelines/{created.id}")
    mark_replayed(response, created.replayed)
    return _respond(created, None, response)


async def respond_with_pipeline(reader: Reader, changed: StoredPipeline, response: Response) -> PipelineResponse:
    """Return the pipeline as the request left it, with its latest run."""
    stored = await reader.pipeline(changed.id)
    return _respond(changed, stored.latest if stored else None, response)


def _respond(pipeline: StoredPipeline, latest: RunView | None, response: Response) -> PipelineResponse:
    times = pipeline.created_at, pipeline.updated_at
    view = PipelineView(pipeline.id, pipeline.revision, pipeline.definition, *times, latest, pipeline.activation)
    response.headers["ETag"] = pipeline_etag(view)
    return PipelineResponse.from_view(view, pipeline.warnings)
