"""The list of pipelines."""

from application.queries.views.pipelines import PipelineStateVersion, PipelineView
from entrypoints.api.pipelines.models import PipelineResponse
from entrypoints.api.shared.list_cache import ListCache

PipelineListCache = ListCache[PipelineStateVersion, PipelineView]


def create_pipeline_list_cache() -> PipelineListCache:
    """Return an empty cache of the pipelines in lists."""
    return ListCache(lambda reader, ids: reader.get_pipelines_by_id(ids), _get_version, PipelineResponse.from_view)


def _get_version(view: PipelineView) -> PipelineStateVersion:
    latest = view.latest
    run, seq = (latest.id, latest.last_seq) if latest else (0, 0)
    return PipelineStateVersion(view.id, view.revision, run, seq, view.activation.changes)
