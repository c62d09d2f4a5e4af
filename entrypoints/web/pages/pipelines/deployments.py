"""The check of the deployments that a pipeline's stages run."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response

from application.ports.persistence.pipelines import StoredPipeline
from domain.errors import InvalidInput
from domain.pipelines.definition import StageKind
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import format_problems

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/pipelines/{ref}/deployments")
@requires(READ, ResourceScope.PIPELINE)
async def show_check(request: Request, ref: str) -> Response:
    """Compare the stages of kind `prefect` with the deployments that Prefect has now."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    try:
        warnings = await get_application(request).deployment_checks().check_definition(pipeline.definition)
    except InvalidInput as error:
        problems = format_problems(error.problems)
    stages = [(stage.name, stage.deployment) for stage in pipeline.definition.stages if stage.kind is StageKind.PREFECT]
    found = {"pipeline": pipeline, "stages": stages, "problems": problems, "warnings": warnings}
    return render_page(request, "deployments.html", 200, section="pipelines", css=("pipeline.css",), **found)


def get_page_after_saving(pipeline: StoredPipeline) -> str:
    """Return the path of the page that a browser shows after the pipeline was saved: the check, if there were warnings."""
    return f"/ui/pipelines/{pipeline.id}/deployments" if pipeline.warnings else f"/ui/pipelines/{pipeline.id}"
