"""The files that pipelines were applied from."""

from datetime import datetime
from typing import Self

from pydantic import Field

from application.queries.views.pipelines import AppliedFileView
from entrypoints.api.pipelines.file_dependencies import SourceName
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.api.shared.models import ResponseModel, with_example
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Limit, Skip
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.base_path import link

router = create_router("pipelines")


class PipelineFileResponse(ResponseModel):
    """The file that a pipeline was applied from, and the change since, if there is one."""

    model_config = with_example(
        {
            "pipeline_id": 1,
            "pipeline": "etl",
            "source": "pipelines",
            "file": "etl.yaml",
            "applied_revision": 3,
            "revision": 4,
            "has_drifted": True,
            "changed_at": "2026-11-23T09:00:00Z",
            "changed_by": "ada",
            "archived": False,
            "links": {"pipeline": "/pipelines/1", "page": "/ui/pipelines/1"},
        }
    )

    pipeline_id: int
    pipeline: str
    source: str = Field(description="The folder of definitions.")
    file: str = Field(description="The file in the folder.")
    applied_revision: int = Field(description="The revision that the file made, or that was equal to it.")
    revision: int = Field(description="The newest revision.")
    has_drifted: bool = Field(description="True if the pipeline was changed since the file was applied.")
    changed_at: datetime | None = None
    changed_by: str | None = None
    archived: bool
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: AppliedFileView) -> Self:
        return cls(
            pipeline_id=view.pipeline_id,
            pipeline=view.pipeline,
            source=view.applied.file.source,
            file=view.applied.file.path,
            applied_revision=view.applied.revision,
            revision=view.revision,
            has_drifted=view.has_drifted,
            changed_at=view.changed_at,
            changed_by=view.changed_by,
            archived=view.is_archived,
            links={"pipeline": link(f"/pipelines/{view.pipeline_id}"), "page": link(f"/ui/pipelines/{view.pipeline_id}")},
        )


@router.get("/pipeline-files/", summary="List the files that pipelines were applied from", responses=problems(422, 503))
@requires(READ)
async def list_pipeline_files(
    reader: ReaderDep, source: SourceName = None, skip: Skip = 0, limit: Limit = 100
) -> list[PipelineFileResponse]:
    """Return the pipelines that were applied from a file, by id, also archived ones. `source` selects those of one folder."""
    return [PipelineFileResponse.from_view(view) for view in await reader.applied_files(source=source, skip=skip, limit=limit)]
